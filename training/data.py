"""Pictures for training: the C generator behind ctypes. Every process or thread that draws opens a Generator of its own."""
import ctypes
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


class Image(ctypes.Structure):
    _fields_ = [('width', ctypes.c_int), ('height', ctypes.c_int), ('rgb', ctypes.c_void_p), ('marks', ctypes.c_void_p)]


class Item(ctypes.Structure):
    _fields_ = [('task', ctypes.c_char * 16), ('prompt', ctypes.c_char * 160), ('answer', ctypes.c_char * 720),
                ('blur', ctypes.c_int), ('noise', ctypes.c_int), ('grey', ctypes.c_int)]


ANY, READING, SHAPES = range(3)
TRAIN, HELD_OUT = range(2)
# Bytes for each 32x32 cell (pictures.h): characters, shape, colour, place of the first character (the last byte is not read here).
CELL, SLOTS, MARKS = 32, 8, 12
SHAPE, COLOUR, PLACE = 8, 9, 10
CHARACTERS, N_SHAPES, N_COLOURS = 97, 10, 10


def library(path=None):
    """Loads libpictures.so; builds it when a compiler and FreeType are here. `path` names one that was brought along."""
    path = path or os.path.join(HERE, 'pictures', 'libpictures.so')
    if not os.path.exists(path):
        flags = subprocess.run(['pkg-config', '--cflags', '--libs', 'freetype2'], capture_output=True, text=True, check=True).stdout.split()
        subprocess.run(['cc', '-O3', '-march=x86-64-v3', '-std=gnu11', '-fPIC', '-shared', os.path.join(HERE, 'pictures', 'pictures.c'),
                        '-o', f'{path}.{os.getpid()}', *flags, '-lm'], check=True)
        os.replace(f'{path}.{os.getpid()}', path)  # whole, for the other processes that may look for it now
    lib = ctypes.CDLL(path)
    lib.pictures_open.restype = ctypes.c_void_p
    lib.pictures_open.argtypes = [ctypes.c_char_p, ctypes.c_int]
    lib.pictures_options.argtypes = [ctypes.c_void_p, ctypes.c_double, ctypes.c_bool]
    lib.pictures_make.argtypes = [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_int, ctypes.POINTER(Image), ctypes.POINTER(Item)]
    return lib


class Generator:
    """One thread's generator."""

    def __init__(self, lib, assets, split):
        self.lib, self.handle = lib, lib.pictures_open(assets.encode(), split)
        if not self.handle:
            raise RuntimeError(f'{assets}: fonts or words are missing; run training/make_assets.py')
        self.item = Item()

    def options(self, level=1.0, clean=False):
        """level: 0 (single large letters) to 1 (what is measured); clean: blur and noise are left to the caller."""
        self.lib.pictures_options(self.handle, level, clean)

    def make(self, seed, index, task, array, marks=None):
        """Draws into `array` [H, W, 3] u8 and tells `marks` [H/32, W/32, 12] u8; returns (task, prompt, answer).

        self.damage is then (blur, noise, grey) of the picture.
        """
        item = self.item
        assert array.dtype == 'uint8' and array.flags.c_contiguous and array.ndim == 3 and array.shape[2] == 3, array.shape
        if marks is not None:
            want = (array.shape[0] // CELL, array.shape[1] // CELL, MARKS)
            assert marks.dtype == 'uint8' and marks.flags.c_contiguous and marks.shape == want, (marks.shape, want)
        image = Image(array.shape[1], array.shape[0], array.ctypes.data, marks.ctypes.data if marks is not None else None)
        self.lib.pictures_make(self.handle, seed, index, task, ctypes.byref(image), ctypes.byref(item))
        self.damage = item.blur, item.noise, item.grey
        return item.task.decode(), item.prompt.decode(), item.answer.decode()
