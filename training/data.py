"""Pictures for training: the C generator behind ctypes, called by threads (it runs without the interpreter's lock)."""
import ctypes
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


class Image(ctypes.Structure):
    _fields_ = [('width', ctypes.c_int), ('height', ctypes.c_int), ('rgb', ctypes.c_void_p)]


class Item(ctypes.Structure):
    _fields_ = [('task', ctypes.c_char * 16), ('prompt', ctypes.c_char * 160), ('answer', ctypes.c_char * 720)]


ANY, READING, SHAPES = range(3)
TRAIN, HELD_OUT = range(2)


def library(path=None):
    """Loads libpictures.so; builds it when a compiler and FreeType are here. `path` names one that was brought along."""
    path = path or os.path.join(HERE, 'pictures', 'libpictures.so')
    if not os.path.exists(path):
        flags = subprocess.run(['pkg-config', '--cflags', '--libs', 'freetype2'], capture_output=True, text=True, check=True).stdout.split()
        subprocess.run(['cc', '-O3', '-march=x86-64-v3', '-std=gnu11', '-fPIC', '-shared', os.path.join(HERE, 'pictures', 'pictures.c'),
                        '-o', path, *flags, '-lm'], check=True)
    lib = ctypes.CDLL(path)
    lib.pictures_open.restype = ctypes.c_void_p
    lib.pictures_open.argtypes = [ctypes.c_char_p, ctypes.c_int]
    lib.pictures_close.argtypes = [ctypes.c_void_p]
    lib.pictures_make.argtypes = [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_int, ctypes.POINTER(Image), ctypes.POINTER(Item)]
    return lib


class Generator:
    """One thread's generator."""

    def __init__(self, lib, assets, split):
        self.lib, self.handle = lib, lib.pictures_open(assets.encode(), split)
        if not self.handle:
            raise RuntimeError(f'{assets}: fonts or words are missing; run training/make_assets.py')

    def make(self, seed, index, task, array):
        """Draws into `array` [H, W, 3] u8; returns (task, prompt, answer)."""
        item = Item()
        image = Image(array.shape[1], array.shape[0], array.ctypes.data)
        self.lib.pictures_make(self.handle, seed, index, task, ctypes.byref(image), ctypes.byref(item))
        return item.task.decode(), item.prompt.decode(), item.answer.decode()
