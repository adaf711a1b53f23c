"""Upsampling: every way up as a small matrix, so that a result can tell where each of its numbers comes from.

- `trace`: the conventions of the package, and `Trace`: which inputs, with which weights, make each output.
- `interpolation`: nearest, bilinear, bicubic; both rulers of align_corners.
- `pooling`: max-pool with indices, max-unpool, bed of nails.
- `sizes`: output sizes of convolutions, which sizes share one, and what is refused.
- `convolution`: convolution, its transpose, and the kernel that makes it bilinear.
- `stamps`: transposed convolution stamp by stamp.
- `subpixel`: pixel shuffle with ICNR, resize-then-convolve.
- `atrous`: dilated convolution, gridding, receptive fields, shift-and-stitch.
- `roi`: RoIPool and RoIAlign.
- `checkerboard`: overlap counts, and the spike that an artefact is in the spectrum.
- `generator`: two upsampling layers on a photo, random and fitted, in the article's three ways.
- `planes`: the ways up on whole pictures, which are too large for a trace.
- `quality`: PSNR and SSIM.
- `reconstruction`: a photo or a mask made small and brought back by each method.
- `skips`: FCN-32s, 16s and 8s on a mask.
"""

from seglab.upsampling.convolution import (
    adjoint_gap,
    bilinear_kernel,
    convolution_matrix,
    convolve,
    transposed_convolve,
    transposed_matrix,
)
from seglab.upsampling.interpolation import bicubic, bilinear, nearest, source_coordinates
from seglab.upsampling.pooling import bed_of_nails, max_pool, max_unpool
from seglab.upsampling.sizes import conv_size, sizes_that_give, transposed_size
from seglab.upsampling.stamps import Stamp, canvas_shape, crop, stamps
from seglab.upsampling.subpixel import icnr, pixel_shuffle, resize, resize_convolve
from seglab.upsampling.trace import Trace, Traced

__all__ = [
    "Stamp",
    "Trace",
    "Traced",
    "adjoint_gap",
    "bed_of_nails",
    "bicubic",
    "bilinear",
    "bilinear_kernel",
    "canvas_shape",
    "conv_size",
    "convolution_matrix",
    "convolve",
    "crop",
    "icnr",
    "max_pool",
    "max_unpool",
    "nearest",
    "pixel_shuffle",
    "resize",
    "resize_convolve",
    "sizes_that_give",
    "source_coordinates",
    "stamps",
    "transposed_convolve",
    "transposed_matrix",
    "transposed_size",
]
