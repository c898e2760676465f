// SHA-256 (FIPS 180-4) that takes its input in pieces, which crypto.subtle does not.

// The first 32 bits of the fractional parts of the cube roots (K) and square roots (H) of the first primes.
const K = new Int32Array(64), H = new Int32Array(8);
for (let n = 2, i = 0; i < 64; n++) {
  let prime = true;
  for (let d = 2; d * d <= n && prime; d++) prime = n % d !== 0;
  if (!prime) continue;
  // Doubles hold 53 bits; a cube root below 7 leaves more than 32 for the fraction.
  K[i] = Math.floor((Math.cbrt(n) % 1) * 2 ** 32);
  if (i < 8) H[i] = Math.floor((Math.sqrt(n) % 1) * 2 ** 32);
  i++;
}

export class Sha256 {
  private readonly h = H.slice();
  private readonly w = new Int32Array(64);
  private readonly tail = new Uint8Array(64);
  private inTail = 0;
  /** Bytes taken so far. */
  size = 0;

  update(bytes: Uint8Array): void {
    let at = 0;
    this.size += bytes.length;
    if (this.inTail) {
      at = Math.min(64 - this.inTail, bytes.length);
      this.tail.set(bytes.subarray(0, at), this.inTail);
      this.inTail += at;
      if (this.inTail < 64) return;
      this.blocks(this.tail, 0, 1);
      this.inTail = 0;
    }
    const whole = (bytes.length - at) >>> 6;
    this.blocks(bytes, at, whole);
    at += whole * 64;
    this.tail.set(bytes.subarray(at));
    this.inTail = bytes.length - at;
  }

  /** The sum in hex. Nothing may be added afterwards. */
  digest(): string {
    const bits = this.size * 8;
    const end = new Uint8Array(this.inTail < 56 ? 64 : 128);
    end.set(this.tail.subarray(0, this.inTail));
    end[this.inTail] = 0x80;
    const view = new DataView(end.buffer);
    view.setUint32(end.length - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(end.length - 4, bits >>> 0);
    this.blocks(end, 0, end.length / 64);
    return Array.from(this.h, (x) => (x >>> 0).toString(16).padStart(8, '0')).join('');
  }

  private blocks(bytes: Uint8Array, at: number, count: number): void {
    const { w, h } = this;
    for (; count > 0; count--, at += 64) {
      for (let i = 0, o = at; i < 16; i++, o += 4) {
        w[i] = (bytes[o]! << 24) | (bytes[o + 1]! << 16) | (bytes[o + 2]! << 8) | bytes[o + 3]!;
      }
      for (let i = 16; i < 64; i++) {
        const x = w[i - 15]!, y = w[i - 2]!;
        const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
        const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
        w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0;
      }
      let a = h[0]!, b = h[1]!, c = h[2]!, d = h[3]!, e = h[4]!, f = h[5]!, g = h[6]!, p = h[7]!;
      for (let i = 0; i < 64; i++) {
        const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
        const t1 = (p + s1 + (g ^ (e & (f ^ g))) + K[i]! + w[i]!) | 0;
        const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
        const t2 = (s0 + ((a & b) | (c & (a | b)))) | 0;
        p = g; g = f; f = e; e = (d + t1) | 0;
        d = c; c = b; b = a; a = (t1 + t2) | 0;
      }
      h[0] = (h[0]! + a) | 0; h[1] = (h[1]! + b) | 0; h[2] = (h[2]! + c) | 0; h[3] = (h[3]! + d) | 0;
      h[4] = (h[4]! + e) | 0; h[5] = (h[5]! + f) | 0; h[6] = (h[6]! + g) | 0; h[7] = (h[7]! + p) | 0;
    }
  }
}

export function sha256(bytes: Uint8Array): string {
  const s = new Sha256();
  s.update(bytes);
  return s.digest();
}
