// Small pictures for the rows that are seen: made one at a time, the latest asked for first, the latest used kept.

/** Pixels of a side; shown at half of it. */
export const SIDE = 112;
const KEPT = 300;

async function small(blob: Blob): Promise<ImageBitmap> {
  // Decoded at a reduced height, so that a large photograph never stands whole in memory where the browser can avoid it.
  const first = await createImageBitmap(blob, { resizeHeight: 160, resizeQuality: 'medium' }).catch(() => createImageBitmap(blob));
  try {
    const side = Math.min(first.width, first.height);
    return await createImageBitmap(first, (first.width - side) >> 1, (first.height - side) >> 1, side, side, { resizeWidth: SIDE, resizeHeight: SIDE, resizeQuality: 'medium' });
  } finally {
    first.close();
  }
}

export class Thumbs {
  /** By row; null is a file that shows no picture. A Map's order is that of use here. */
  private readonly made = new Map<number, ImageBitmap | null>();
  private readonly wanted = new Map<number, HTMLCanvasElement>();
  private working = false;

  constructor(private readonly open: (row: number) => Promise<Blob>) {}

  /** Draws the row's picture on the canvas, at once or when it is made. */
  want(row: number, canvas: HTMLCanvasElement): void {
    const bitmap = this.made.get(row);
    if (bitmap !== undefined) {
      this.made.delete(row);
      this.made.set(row, bitmap);
      this.draw(bitmap, canvas);
      return;
    }
    this.wanted.set(row, canvas);
    void this.work();
  }

  /** The row is not seen any more. */
  leave(row: number): void {
    this.wanted.delete(row);
  }

  forget(rows: Iterable<number>): void {
    for (const row of rows) {
      this.wanted.delete(row);
      this.made.get(row)?.close();
      this.made.delete(row);
    }
  }

  clear(): void {
    this.forget([...this.made.keys(), ...this.wanted.keys()]);
  }

  private draw(bitmap: ImageBitmap | null, canvas: HTMLCanvasElement): void {
    canvas.classList.toggle('broken', !bitmap);
    if (!bitmap) return;
    canvas.width = canvas.height = SIDE;
    canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
    canvas.classList.add('drawn');
  }

  private async work(): Promise<void> {
    if (this.working) return;
    this.working = true;
    try {
      for (let last = [...this.wanted].at(-1); last; last = [...this.wanted].at(-1)) {
        const [row] = last;
        const bitmap = await this.open(row).then(small).catch(() => null);
        const canvas = this.wanted.get(row);
        this.wanted.delete(row);
        // It may have been removed meanwhile.
        if (!canvas) {
          bitmap?.close();
          continue;
        }
        this.made.set(row, bitmap);
        this.draw(bitmap, canvas);
        if (this.made.size > KEPT) this.forget([this.made.keys().next().value!]);
      }
    } finally {
      this.working = false;
    }
  }
}
