"""Other ways to draw the same thing: few flat colours, strokes around areas, lines alone, lines that are filled. Works on RGBA pictures (u8
arrays, straight alpha), square, with the drawing to their edges, or on the text of an SVG; drawings.py says which sets are drawn how."""
import re

import numpy as np
from scipy import ndimage

INK = np.array((28, 26, 30), np.float32)


def padded(a, share=0.04):
    """Room for outlines around the drawing."""
    n = round(share * len(a))
    return np.pad(a, ((n, n), (n, n), (0, 0)))


def lab(rgb):
    """CIE L*a*b* of sRGB 0 to 255."""
    c = np.asarray(rgb, np.float32) / 255
    c = np.where(c > 0.04045, ((c + 0.055) / 1.055) ** 2.4, c / 12.92)
    x = c @ np.array(((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)), np.float32).T / (0.9505, 1, 1.089)
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.stack((116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])), -1)


def palette(rgb, most, apart=14):
    """At most so many colours of pixels [n, 3] that are no nearer to each other than `apart`: (colours, share of the pixels)."""
    points = lab(rgb[:: max(1, len(rgb) // 6000)])
    few = [points.mean(0)]
    while len(few) < most:  # the farthest from those there are, mere specks apart
        far = np.min([((points - c) ** 2).sum(-1) for c in few], 0)
        few.append(points[np.argsort(far)[int(0.985 * (len(far) - 1))]])
    centres = np.array(few)
    for _ in range(8):
        near = ((points[:, None] - centres) ** 2).sum(-1).argmin(1)
        centres = np.array([points[near == i].mean(0) if (near == i).any() else c for i, c in enumerate(centres)])
    kept = []
    for i in np.argsort(-np.bincount(near, minlength=len(centres))):
        if all(((centres[i] - centres[j]) ** 2).sum() > apart ** 2 for j in kept):
            kept.append(i)
    centres = centres[kept]
    every = rgb[:: max(1, len(rgb) // 6000)]
    near = ((points[:, None] - centres) ** 2).sum(-1).argmin(1)
    return (np.array([np.median(every[near == i], 0) if (near == i).any() else (0, 0, 0) for i in range(len(centres))], np.float32),
            np.bincount(near, minlength=len(centres)) / len(near))


def areas(a, most, smooth=0.008):
    """Which colour of a small palette each pixel has, without specks and thin rims: ([side, side], palette)."""
    inside = a[..., 3] > 127
    colours, _ = palette(a[inside][:, :3].astype(np.float32), most)
    flat = lab(a[..., :3])
    near = ((flat[:, :, None] - lab(colours)) ** 2).sum(-1).argmin(-1)
    votes = [ndimage.gaussian_filter(((near == i) & inside).astype(np.float32), smooth * len(a)) for i in range(len(colours))]
    return np.argmax(votes, 0), colours


def covered(rgb, alpha):
    return np.concatenate((rgb.clip(0, 255), 255 * alpha.clip(0, 1)[..., None]), -1).round().astype(np.uint8)


def flat(a, most):
    """Few colours, no gradients."""
    which, colours = areas(a, most)
    return covered(np.stack([ndimage.gaussian_filter(colours[which][..., i], 0.7) for i in range(3)], -1), a[..., 3] / 255)


def edges(which, colours, inside, width, apart):
    """How much of each pixel lies under strokes along the silhouette and where colours at least so far apart meet."""
    tone = lab(colours)[which]
    line = np.zeros(inside.shape, bool)
    for axis in (0, 1):
        other, there = np.roll(tone, 1, axis), np.roll(inside, 1, axis)
        line |= (inside & there & (((tone - other) ** 2).sum(-1) > apart ** 2)) | (inside != there)
    away = ndimage.distance_transform_edt(~line)
    return (width * len(inside) / 2 + 0.5 - away).clip(0, 1)


def lines(a, width, apart, fill=0.0, most=6):
    """Dark strokes around the drawing and where its colours meet, on white paper; what is dark stays so. `fill`: how much of the colours is left."""
    a = padded(a)
    which, colours = areas(a, most)
    inside = ndimage.gaussian_filter((a[..., 3] > 127).astype(np.float32), 0.005 * len(a)) > 0.5
    stroke = edges(which, colours, inside, width, apart)
    paint = np.where(lab(colours)[:, :1] < 22, INK, 255 + (colours - 255) * fill)[which]
    soft = ndimage.gaussian_filter(inside.astype(np.float32), 0.7)
    return covered(paint + (INK - paint) * stroke[..., None], np.maximum(stroke, soft * inside))


def enclosed(a):
    """A drawing in lines: (how much ink each pixel has, the areas that lines enclose or that are white, numbered)."""
    ink = a[..., 3] / 255 * (1 - a[..., :3].max(-1) / 255)
    white = (a[..., 3] > 127) & (ink < 0.5)
    clear = ink < 0.5
    numbers, _ = ndimage.label(clear)
    rim = np.unique(np.concatenate((numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1])))
    numbers[np.isin(numbers, rim) & ~white] = 0
    return ink, numbers


def papered(a, colour):
    """A drawing in lines with one colour in all that they enclose."""
    ink, numbers = enclosed(a)
    paint = np.broadcast_to(np.asarray(colour, np.float32), a.shape[:2] + (3,))
    cover = ndimage.gaussian_filter(ndimage.binary_dilation(numbers > 0, iterations=2).astype(np.float32), 0.7)
    return covered(paint + (a[..., :3] - paint) * ink[..., None], np.maximum(cover, a[..., 3] / 255))


def filled(a, guide, most=6, solid=0.04):
    """A drawing in lines of the same outlines as `guide`, each enclosed area in the colour that the guide mostly has there. Black areas that are
    thicker than strokes take its colours too."""
    a, guide = padded(a), padded(guide)
    ink, numbers = enclosed(a)
    which, colours = areas(guide, most)
    which[guide[..., 3] < 128] = -1
    size = len(a)
    paint = np.full(a.shape[:2] + (3,), 255, np.float32)

    def mostly(area):
        there = which[area & (which >= 0)]
        return colours[np.bincount(there).argmax()] if len(there) > 0.3 * area.sum() else None

    for i in np.unique(numbers[numbers > 0]):
        area = numbers == i
        colour = mostly(area)
        if colour is not None:
            paint[ndimage.binary_dilation(area, iterations=3)] = colour
    black = ink > 0.5
    core = ndimage.distance_transform_edt(black) > solid * size
    core = (ndimage.distance_transform_edt(~core) < solid * size * 0.45) & black
    lumps, n = ndimage.label(core)
    for i in range(1, n + 1):
        area = lumps == i
        colour = mostly(area)
        if colour is not None and area.sum() > 0.002 * size * size and colour.max() > 70:
            soft = ndimage.gaussian_filter(area.astype(np.float32), 1)
            paint = np.where(soft[..., None] > 0.02, colour, paint)
            ink = ink * (1 - soft)
    body = (numbers > 0) | (lumps > 0)
    cover = np.maximum(ndimage.gaussian_filter(ndimage.binary_dilation(body, iterations=2).astype(np.float32), 0.7), ink)
    return covered(paint + (INK - paint) * ink[..., None], cover)


def without_gradients(svg):
    """Every gradient becomes the mean of its colours, filters and highlights by opacity go."""
    means = {}
    for name, body in re.findall(r'<(?:linear|radial)Gradient[^>]*?id="([^"]+)"[^>]*>(.*?)</(?:linear|radial)Gradient>', svg, re.S):
        stops = [s.lstrip('#') for s in re.findall(r'stop-color="(#[0-9a-fA-F]{3,6})"', body)]
        stops = [''.join(2 * c for c in s) if len(s) == 3 else s for s in stops]
        if stops:
            mean = np.mean([[int(s[i:i + 2], 16) for i in (0, 2, 4)] for s in stops], 0)
            means[name] = '#%02x%02x%02x' % tuple(int(v) for v in mean)
    svg = re.sub(r'url\(#([^)]+)\)', lambda m: means.get(m[1], m[0]), svg)
    return re.sub(r'<(path|circle|ellipse|rect|g)[^>]*?(?:fill-|\b)opacity="(?:0?\.[0-6]\d*)"[^>]*?/>', '', svg)


def unlined(svg):
    """Without the strokes."""
    return svg and re.sub(r' stroke="[^"]*"', '', svg)


def stroked(svg, width, ink='#1c1a1e'):
    """Every area of the drawing with a stroke of its own around it (of `width` of its side)."""
    left, top, side, height = (float(v) for v in re.search(r'viewBox="(\S+) (\S+) (\S+) (\S+)"', svg).groups())
    rim = width * side
    svg = re.sub(r'viewBox="[^"]*"', f'viewBox="{left - rim} {top - rim} {side + 2 * rim} {height + 2 * rim}"', svg, count=1)
    svg = re.sub(r' stroke(-[a-z]+)?="[^"]*"', '', without_gradients(svg))
    pen = f'stroke="{ink}" stroke-width="{width * side:.2f}" stroke-linejoin="round" stroke-linecap="round"'
    return re.sub(r'<(path|circle|ellipse|rect|polygon)(?=[ >/])', rf'<\1 {pen}', svg)
