"""Pictures for training: the C generator behind ctypes. Every process or thread that draws opens a Generator of its own."""
import ctypes
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


class Image(ctypes.Structure):
    _fields_ = [('width', ctypes.c_int), ('height', ctypes.c_int), ('rgb', ctypes.c_void_p), ('marks', ctypes.c_void_p)]


class Item(ctypes.Structure):
    _fields_ = [('task', ctypes.c_char * 16), ('prompt', ctypes.c_char * 512), ('answer', ctypes.c_char * 2400),
                ('blur', ctypes.c_int), ('noise', ctypes.c_int), ('grey', ctypes.c_int), ('jpeg', ctypes.c_int), ('style', ctypes.c_int)]


ANY, READING, SHAPES, SCENES, PARAGRAPHS, DOCUMENTS, PAGES, CHARTS = range(8)
FAMILIES = {'read': READING, 'shapes': SHAPES, 'scenes': SCENES, 'paragraphs': PARAGRAPHS, 'documents': DOCUMENTS, 'pages': PAGES, 'charts': CHARTS}
TRAIN, HELD_OUT = range(2)
CHARACTERS = 0  # classes of characters, 0 for none; told by library()
COPIED = '\x01'  # around what the answer copies from the picture
# Bytes for each 32x32 cell (pictures.h): characters in three rows of six places, shape, colour, emoji, place of the first character.
CELL, SLOTS, MARKS = 32, 18, 22
SHAPE, COLOUR, SPRITE, PLACE = 18, 19, 20, 21
N_SHAPES, N_COLOURS, MOST_SPRITES = 10, 10, 255


def library(path=None):
    """Loads libpictures.so; builds it when it is missing or older than its sources. `path` names one that was brought along."""
    if not path:
        folder = os.path.join(HERE, 'pictures')
        path = os.path.join(folder, 'libpictures.so')
        files = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(('.c', '.h')))
        if not os.path.exists(path) or os.path.getmtime(path) < max(map(os.path.getmtime, files)):
            flags = subprocess.run(['pkg-config', '--cflags', '--libs', 'freetype2'], capture_output=True, text=True, check=True).stdout.split()
            subprocess.run(['cc', '-O3', '-march=x86-64-v3', '-std=gnu11', '-fPIC', '-shared', *(f for f in files if f.endswith('.c')),
                            '-o', f'{path}.{os.getpid()}', *flags, '-lm'], check=True)
            os.replace(f'{path}.{os.getpid()}', path)  # whole, for the other processes that may look for it now
    lib = ctypes.CDLL(path)
    lib.pictures_open.restype = ctypes.c_void_p
    lib.pictures_open.argtypes = [ctypes.c_char_p, ctypes.c_int]
    lib.pictures_options.argtypes = [ctypes.c_void_p, ctypes.c_double, ctypes.c_bool]
    lib.pictures_sprites.argtypes = [ctypes.c_void_p]
    lib.pictures_ask.argtypes = [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_int, ctypes.POINTER(Image), ctypes.POINTER(Item), ctypes.c_int]
    global CHARACTERS
    CHARACTERS = 96 + len(ctypes.string_at(ctypes.addressof(ctypes.c_char.in_dll(lib, 'pictures_letters'))).decode())
    return lib


def plain(answer):
    """The answer as it is read."""
    return answer.replace(COPIED, '')


class Generator:
    """One thread's generator."""

    def __init__(self, lib, assets, split):
        self.lib, self.handle = lib, lib.pictures_open(assets.encode(), split)
        if not self.handle:
            raise RuntimeError(f'{assets}: fonts or words are missing; run training/make_assets.py')
        self.items = (Item * 1)()

    def options(self, level=1.0, clean=False):
        """level: 0 (single large letters) to 1 (what is measured); clean: blur and noise are left to the caller."""
        self.lib.pictures_options(self.handle, level, clean)

    def ask(self, seed, index, task, array, marks=None, most=1):
        """Draws into `array` [H, W, 3] u8 and tells `marks` [H/32, W/32, MARKS] u8; returns up to `most` (task, prompt, answer), no two prompts alike.

        self.damage is then (blur, noise, grey, jpeg) of the picture. What is copied stands between COPIED in the answer (see plain).
        self.style is the style of its emoji, -1 without.
        """
        assert array.dtype == 'uint8' and array.flags.c_contiguous and array.ndim == 3 and array.shape[2] == 3, array.shape
        if marks is not None:
            want = (array.shape[0] // CELL, array.shape[1] // CELL, MARKS)
            assert marks.dtype == 'uint8' and marks.flags.c_contiguous and marks.shape == want, (marks.shape, want)
        if len(self.items) < most:
            self.items = (Item * most)()
        image = Image(array.shape[1], array.shape[0], array.ctypes.data, marks.ctypes.data if marks is not None else None)
        n = self.lib.pictures_ask(self.handle, seed, index, task, ctypes.byref(image), self.items, most)
        item = self.items[0]
        self.style = item.style
        self.damage = item.blur, item.noise, item.grey, item.jpeg
        return [(i.task.decode(), i.prompt.decode(), i.answer.decode()) for i in self.items[:n]]

    def make(self, seed, index, task, array, marks=None):
        """As ask, the first question alone."""
        return self.ask(seed, index, task, array, marks)[0]
