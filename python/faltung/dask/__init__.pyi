from . import ndimage as ndimage, signal as signal
from .ndimage import *
from .signal import *
