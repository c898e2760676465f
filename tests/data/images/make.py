#!/usr/bin/python3
"""Makes the pictures of this folder and expected.txt. Needs Pillow 9.4 with WebP (Debian: python3-pil).

Every kind of file that the decoders must read, a few pixels each, and some that they must refuse. expected.txt:
    NAME WIDTH HEIGHT HASH     64-bit FNV-1a of the RGB bytes, as Pillow reads them (upright by EXIF, alpha dropped)
    NAME format|unsupported    the status with which the file must be refused
Files that Pillow cannot write are put together here byte by byte; where Pillow reads other pixels than we do
(16-bit grey, which it clips) the hash is that of the pixels given to `own`.

resized.txt: NAME WIDTH HEIGHT HASH: pictures of this folder resized by Pillow's bicubic filter.
"""
import io
import os
import struct
import warnings
import zlib
from PIL import Image, ImageOps

warnings.simplefilter("ignore")
HERE = os.path.dirname(os.path.abspath(__file__))
lines = []


def fnv(data):
    h = 0xcbf29ce484222325
    for b in data:
        h = (h ^ b) * 0x100000001b3 & 0xffffffffffffffff
    return h


def put(name, data, own=None):
    with open(os.path.join(HERE, name), "wb") as f:
        f.write(data)
    if own is None:
        im = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
        own = (im.width, im.height, im.tobytes())
    lines.append("%s %d %d %016x" % (name, own[0], own[1], fnv(own[2])))


def refuse(name, data, status):
    with open(os.path.join(HERE, name), "wb") as f:
        f.write(data)
    lines.append("%s %s" % (name, status))


def save(im, fmt, **kw):
    out = io.BytesIO()
    im.save(out, fmt, **kw)
    return out.getvalue()


state = 1


def rand(n):
    global state
    state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
    return (state >> 33) % n


def picture(w, h):
    """Smooth colours with a dark corner, so that orientation and channels cannot be mixed up."""
    im = Image.new("RGB", (w, h))
    for y in range(h):
        for x in range(w):
            dark = 3 if x < w // 3 and y < h // 4 else 1
            im.putpixel((x, y), ((255 * x // w) // dark, (255 * y // h) // dark, ((x * 5 + y * 9) % 200) // dark))
    return im


base = picture(21, 13)

# ---- JPEG
put("jpeg_420.jpg", save(base, "JPEG", quality=80))
put("jpeg_422.jpg", save(base, "JPEG", quality=80, subsampling=1))
put("jpeg_444.jpg", save(base, "JPEG", quality=95, subsampling=0))
put("jpeg_grey.jpg", save(base.convert("L"), "JPEG"))
put("jpeg_progressive.jpg", save(base, "JPEG", progressive=True))
put("jpeg_cmyk.jpg", save(base.convert("CMYK"), "JPEG"))
put("jpeg_1x1.jpg", save(picture(1, 1), "JPEG"))


def tiff(order, orientation, kind=3):
    value = struct.pack(order + "HHI", 0x112, kind, 1) + (struct.pack(order + "HH", orientation, 0) if kind == 3
                                                          else struct.pack(order + "I", orientation))
    return (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, 1) + value + bytes(4)


for i in range(1, 9):
    put("jpeg_exif_%d.jpg" % i, save(base, "JPEG", exif=b"Exif\0\0" + tiff("<>"[i % 2], i)))
plain = save(base, "JPEG")
for name, block in (("cut", tiff("<", 6)[:17]), ("wild", b"II*\0\xff\xff\xff\xff" + bytes(20)), ("nine", tiff(">", 9))):
    im = Image.open(io.BytesIO(plain)).convert("RGB")
    data = plain[:2] + b"\xff\xe1" + struct.pack(">H", 8 + len(block)) + b"Exif\0\0" + block + plain[2:]
    put("jpeg_exif_%s.jpg" % name, data, (im.width, im.height, im.tobytes()))
im = Image.open(io.BytesIO(plain)).convert("RGB")
put("jpeg_no_end_marker.jpg", plain[:-2], (im.width, im.height, im.tobytes()))
at = plain.index(b"\xff\xda")
put("jpeg_stray_bytes.jpg", plain[:at] + b"\0\0\0" + plain[at:], (im.width, im.height, im.tobytes()))
refuse("bad_jpeg_cut.jpg", plain[:-60], "format")
progressive = save(base, "JPEG", progressive=True)
last = progressive.rindex(b"\xff\xda")
refuse("bad_jpeg_scan_missing.jpg", progressive[:last], "format")
# A scan that needs nothing of the ones before it, over and over.
second = progressive.index(b"\xff\xda", progressive.index(b"\xff\xda") + 2)
after = next(i for i in range(second + 2, len(progressive)) if progressive[i] == 0xff and progressive[i + 1] != 0)
refuse("bad_jpeg_scans.jpg", progressive[:after] + progressive[second:after] * 200 + progressive[after:], "unsupported")
sof = plain.index(b"\xff\xc0")
refuse("bad_jpeg_30000.jpg", plain[:sof + 5] + struct.pack(">HH", 30000, 30000) + plain[sof + 9:], "unsupported")
refuse("bad_jpeg_9000.jpg", plain[:sof + 5] + struct.pack(">HH", 9000, 9000) + plain[sof + 9:], "format")
refuse("bad_jpeg_12bit.jpg", plain[:sof + 4] + b"\x0c" + plain[sof + 5:], "unsupported")
refuse("bad_jpeg_height0.jpg", plain[:sof + 5] + b"\0\0" + plain[sof + 7:], "format")


# ---- PNG
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(w, h, depth, colour, sample, interlaced=False, extra=b"", tail=b""):
    """sample(x, y) -> the channels' values"""
    def rows(xs, ys):
        out = b""
        for y in ys:
            bits = "".join(format(v, "0%db" % depth) for x in xs for v in sample(x, y))
            bits += "0" * (-len(bits) % 8)
            out += b"\0" + bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        return out
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    if interlaced:
        raw = b"".join(rows(range(x, w, dx), range(y, h, dy)) for x, y, dx, dy in passes if x < w and y < h)
    else:
        raw = rows(range(w), range(h))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, interlaced)) + extra +
            chunk(b"IDAT", zlib.compress(raw, 9)) + tail + chunk(b"IEND", b""))


def noise(channels, depth):
    table = {(x, y): [rand(1 << depth) for _ in range(channels)] for x in range(11) for y in range(9)}
    return lambda x, y: table[x, y]


kinds = [(0, 1, 1), (0, 2, 1), (0, 4, 1), (0, 8, 1), (0, 16, 1), (2, 8, 3), (2, 16, 3), (3, 1, 1), (3, 2, 1), (3, 4, 1),
         (3, 8, 1), (4, 8, 2), (4, 16, 2), (6, 8, 4), (6, 16, 4)]
names = {0: "grey", 2: "rgb", 3: "palette", 4: "grey_alpha", 6: "rgba"}
for colour, depth, channels in kinds:
    for interlaced in (False, True):
        sample = noise(channels, depth)
        extra = b""
        if colour == 3:
            extra = chunk(b"PLTE", bytes(rand(256) for _ in range(3 << depth)))
            if interlaced:
                extra += chunk(b"tRNS", bytes(rand(256) for _ in range(1 << depth)))
        if colour == 2 and depth == 8 and interlaced:
            extra = chunk(b"tRNS", struct.pack(">HHH", *sample(3, 4)))
        if colour == 0 and depth == 8 and interlaced:
            extra = chunk(b"tRNS", struct.pack(">H", *sample(3, 4)))
        own = None
        if depth == 16:
            pixels = b""
            for y in range(9):
                for x in range(11):
                    v = [s >> 8 for s in sample(x, y)]
                    pixels += bytes(v[:3] if channels >= 3 else v[:1] * 3)
            own = (11, 9, pixels)
        put("png_%s%d%s.png" % (names[colour], depth, "_interlaced" if interlaced else ""),
            png(11, 9, depth, colour, sample, interlaced, extra), own)
sample = noise(3, 8)
put("png_1x1.png", png(1, 1, 8, 2, sample))
put("png_exif_6.png", png(11, 9, 8, 2, sample, extra=chunk(b"eXIf", tiff(">", 6))))
put("png_exif_8_late.png", png(11, 9, 8, 2, sample, tail=chunk(b"eXIf", tiff("<", 8, 4))))
whole = png(11, 9, 8, 2, sample)
bomb = zlib.compress(bytes(64 << 20), 9)
put("png_text_bomb.png", png(11, 9, 8, 2, sample, extra=chunk(b"zTXt", b"a\0\0" + bomb) + chunk(b"iCCP", b"a\0\0" + bomb[:20000])),
    (11, 9, b"".join(bytes(sample(x, y)) for y in range(9) for x in range(11))))
refuse("bad_png_cut.png", whole[:-30], "format")
refuse("bad_png_no_end.png", whole[:-12], "format")
flipped = bytearray(whole)
flipped[-14] ^= 4  # in the checksum of the pixels' chunk
refuse("bad_png_crc.png", bytes(flipped), "format")
refuse("bad_png_30000.png", whole[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)) + whole[33:],
       "unsupported")
refuse("bad_png_9000.png", whole[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0)) + whole[33:],
       "format")

# ---- WebP
alpha = base.copy()
alpha.putalpha(Image.linear_gradient("L").resize(base.size))
put("webp_lossy.webp", save(base, "WEBP", quality=80))
put("webp_lossless.webp", save(base, "WEBP", lossless=True))
put("webp_lossy_alpha.webp", save(alpha, "WEBP", quality=80))
put("webp_lossless_alpha.webp", save(alpha, "WEBP", lossless=True, exact=True))
put("webp_exif_6.webp", save(base, "WEBP", lossless=True, exif=tiff("<", 6)))
put("webp_animation.webp", save(base, "WEBP", save_all=True, append_images=[base.rotate(180)], duration=100, lossless=True))
put("webp_1x1.webp", save(picture(1, 1), "WEBP"))
moved = bytearray(save(base, "WEBP", save_all=True, append_images=[base.rotate(180)], duration=100, lossless=True))
at = moved.index(b"VP8X") + 8
moved[at + 4:at + 10] = struct.pack("<I", 29)[:3] + struct.pack("<I", 24)[:3]  # canvas 30 x 25
at = moved.index(b"ANMF") + 8
moved[at:at + 6] = struct.pack("<I", 2)[:3] + struct.pack("<I", 3)[:3]  # first frame at 4, 6
put("webp_animation_offset.webp", bytes(moved))
moved[at:at + 3] = struct.pack("<I", 10)[:3]
refuse("bad_webp_outside.webp", bytes(moved), "format")
webp = save(base, "WEBP", lossless=True)
refuse("bad_webp_cut.webp", webp[:-20], "format")
refuse("bad_webp_16383.webp", webp[:21] + struct.pack("<I", 16382 | 16382 << 14) + webp[25:], "unsupported")

# ---- GIF
quantised = base.quantize(29)
put("gif_palette.gif", save(quantised, "GIF", interlace=0))
put("gif_interlaced.gif", save(quantised, "GIF", interlace=1))
put("gif_grey.gif", save(base.convert("L"), "GIF"))
put("gif_two_colours.gif", save(base.convert("1"), "GIF"))
put("gif_transparent.gif", save(quantised, "GIF", transparency=3))
put("gif_animation.gif", save(quantised, "GIF", save_all=True, append_images=[quantised.rotate(180)]))
put("gif_1x1.gif", save(picture(1, 1).quantize(2), "GIF"))
grain = Image.new("P", (90, 70))
grain.putdata([rand(256) for _ in range(90 * 70)])
grain.putpalette(bytes(rand(256) for _ in range(768)))
put("gif_full_table.gif", save(grain, "GIF", interlace=1))
put("gif_repeats.gif", save(Image.new("P", (300, 300), 0), "GIF"))
for name, extra in (("gif_offset", {}), ("gif_offset_transparent", {"transparency": 3})):
    moved = bytearray(save(quantised, "GIF", interlace=1, **extra))
    moved[6:10] = struct.pack("<HH", 30, 20)
    at = moved.index(b"\x2c\0\0\0\0")
    moved[at + 1:at + 5] = struct.pack("<HH", 5, 4)
    put(name + ".gif", bytes(moved))
    moved[6:10] = struct.pack("<HH", 10, 10)
    if not extra:
        put("gif_enlarged.gif", bytes(moved))
gif = save(quantised, "GIF", interlace=0)
n_global = 3 << ((gif[10] & 7) + 1)
at = gif.index(b"\x2c\0\0\0\0")
local = gif[:10] + bytes([gif[10] & 0x78]) + gif[11:13] + gif[13 + n_global:at + 9] + bytes([0x80 | gif[10] & 7]) + \
    gif[13:13 + n_global] + gif[at + 10:]
put("gif_local_palette.gif", local)
refuse("bad_gif_cut.gif", gif[:-20], "format")
refuse("bad_gif_no_frame.gif", gif[:13 + n_global] + b"\x3b", "format")
wide = bytearray(gif)
wide[6:10] = struct.pack("<HH", 30000, 30000)
refuse("bad_gif_30000.gif", bytes(wide), "unsupported")


# ---- BMP
def bmp(w, h, bits, rows, compression=0, palette=b"", header=40, masks=b"", colours=0):
    if header == 12:
        info = struct.pack("<IHHHH", 12, w, h, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, w, h, 1, bits, compression, len(rows), 2835, 2835, colours, 0)
        info += masks
        if header > 40:
            info += bytes(header - len(info))
    offset = 14 + len(info) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset) + info + palette + rows


def packed(w, h, bits, value):
    out = b""
    for y in range(h):
        row = "".join(format(value(x, y), "0%db" % bits) for x in range(w))
        row += "0" * (-len(row) % 32)
        out += bytes(int(row[i:i + 8], 2) for i in range(0, len(row), 8))
    return out


def words(w, h, size, value):
    out = b""
    for y in range(h):
        row = b"".join(value(x, y).to_bytes(size, "little") for x in range(w))
        out += row + bytes(-len(row) % 4)
    return out


def palette(n):
    return bytes(0 if i % 4 == 3 else rand(256) for i in range(4 * n))


table = {(x, y): rand(2**32) for x in range(11) for y in range(9)}
put("bmp_24.bmp", save(base, "BMP"))
put("bmp_1_grey.bmp", save(base.convert("1"), "BMP"))
put("bmp_8_grey.bmp", save(base.convert("L"), "BMP"))
put("bmp_8_palette.bmp", save(quantised, "BMP"))
put("bmp_32_alpha.bmp", save(alpha, "BMP"))
put("bmp_1x1.bmp", save(picture(1, 1), "BMP"))
for bits in (1, 4, 8):
    rows = packed(11, 9, bits, lambda x, y: table[x, y] % (1 << bits))
    put("bmp_%d.bmp" % bits, bmp(11, 9, bits, rows, palette=palette(1 << bits)))
    put("bmp_%d_top_down.bmp" % bits, bmp(11, -9, bits, rows, palette=palette(1 << bits)))
    put("bmp_%d_os2.bmp" % bits, bmp(11, 9, bits, rows, header=12, palette=bytes(rand(256) for _ in range(3 << bits))))
rows8 = packed(11, 9, 8, lambda x, y: table[x, y] % 5)
put("bmp_8_five_colours.bmp", bmp(11, 9, 8, rows8, palette=palette(5), colours=5))
rows16 = words(11, 9, 2, lambda x, y: table[x, y] & 0x7fff)
put("bmp_16.bmp", bmp(11, 9, 16, rows16))
full16 = words(11, 9, 2, lambda x, y: table[x, y] & 0xffff)
put("bmp_16_565.bmp", bmp(11, 9, 16, full16, 3, masks=struct.pack("<III", 0xf800, 0x7e0, 0x1f)))
rows32 = words(11, 9, 4, lambda x, y: table[x, y] & 0xffffff)
put("bmp_32.bmp", bmp(11, 9, 32, rows32))
put("bmp_32_rgbx.bmp", bmp(11, 9, 32, rows32, 3, masks=struct.pack("<III", 0xff, 0xff00, 0xff0000)),
    (11, 9, b"".join((table[x, y] & 0xffffff).to_bytes(3, "little") for y in reversed(range(9)) for x in range(11))))
put("bmp_32_v4.bmp", bmp(11, 9, 32, rows32, 3, header=108, masks=struct.pack("<IIII", 0xff0000, 0xff00, 0xff, 0xff000000)))
put("bmp_24_v5.bmp", bmp(11, 9, 24, words(11, 9, 3, lambda x, y: table[x, y] & 0xffffff), header=124))
put("bmp_24_os2.bmp", bmp(11, 9, 24, words(11, 9, 3, lambda x, y: table[x, y] & 0xffffff), header=12))
ten = [tuple(((table[x, y] >> s) & 0x3ff) * 255 // 1023 for s in (20, 10, 0)) for y in range(9) for x in range(11)]
put("bmp_32_10bit.bmp", bmp(11, -9, 32, words(11, 9, 4, lambda x, y: table[x, y] & 0x3fffffff), 3,
                            masks=struct.pack("<III", 0x3ff00000, 0xffc00, 0x3ff)),
    (11, 9, b"".join(bytes(p) for p in ten)))
colours = palette(256)


def rgb_of(index, pal):
    return bytes([pal[index * 4 + 2], pal[index * 4 + 1], pal[index * 4]])


# Runs, literals of odd length, a jump, a short row, and a run beyond the edge; rows from the bottom.
rle8 = bytes([5, 7, 0, 3, 1, 2, 3, 0, 3, 9, 0, 0,   4, 6, 0, 2, 2, 1, 2, 8, 0, 0,   20, 5, 0, 1])
grid8 = [[7] * 5 + [1, 2, 3] + [9] * 3, [6] * 4 + [0] * 7, [0] * 6 + [8] * 2 + [0] * 3, [5] * 11]
put("bmp_rle8.bmp", bmp(11, 4, 8, rle8, 1, palette=colours),
    (11, 4, b"".join(rgb_of(i, colours) for row in reversed(grid8) for i in row)))
rle4 = bytes([5, 0x7a, 0, 5, 0x12, 0x34, 0x50, 0, 0, 0,   0, 2, 3, 1, 3, 0x6f, 0, 0,   12, 0xcd, 0, 0, 0, 1])
grid4 = [[7, 10, 7, 10, 7, 1, 2, 3, 4, 5, 0], [0] * 11, [0, 0, 0, 6, 15, 6] + [0] * 5, [12, 13] * 5 + [12]]
put("bmp_rle4.bmp", bmp(11, 4, 4, rle4, 2, palette=colours[:64]),
    (11, 4, b"".join(rgb_of(i, colours) for row in reversed(grid4) for i in row)))
refuse("bad_bmp_cut.bmp", bmp(11, 9, 32, rows32[:-5]), "format")
refuse("bad_bmp_rle_cut.bmp", bmp(11, 4, 8, rle8[:-4], 1, palette=colours), "format")
refuse("bad_bmp_30000.bmp", bmp(30000, 30000, 24, rows32), "unsupported")
refuse("bad_bmp_mask.bmp", bmp(11, 9, 32, rows32, 3, masks=struct.pack("<III", 0xf0f, 0xff00, 0xff0000)), "format")
refuse("bad_bmp_jpeg.bmp", bmp(11, 9, 24, plain, 4), "unsupported")
refuse("bad_bmp_height.bmp", bmp(11, -2**31, 24, rows32), "unsupported")

refuse("bad_empty.jpg", b"", "format")
refuse("bad_text.txt", b"This is not a picture.\n", "unsupported")

with open(os.path.join(HERE, "expected.txt"), "w") as f:
    f.write("\n".join(lines) + "\n")

with open(os.path.join(HERE, "resized.txt"), "w") as f:
    for name in ("gif_full_table.gif", "png_rgb8.png", "jpeg_exif_6.jpg"):
        for w, h in ((32, 32), (96, 64), (90, 31), (33, 70), (224, 160), (640, 3), (5, 352), (91, 71), (1, 1)):
            im = ImageOps.exif_transpose(Image.open(os.path.join(HERE, name))).convert("RGB")
            f.write("%s %d %d %016x\n" % (name, w, h, fnv(im.resize((w, h), Image.BICUBIC).tobytes())))
