"""What others make of the same noisy or incomplete photographs: SPORCO and scikit-image.

SPORCO's pipelines are those of its own documentation (a high-pass coded with weights from squared
correlations for noise; ConvBPDNMaskDcpl after a total-variation low-pass, and ConvBPDNGradReg with
an impulse filter, for gaps), at the weights given there; for the first and the last others were
tried on *camera*, and gained less than 0.1 dB. scikit-image's strengths are the best of several by
the PSNR on the photograph itself: a choice that neither ours nor SPORCO's is given.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

_BORDER = 8
_STEPS = 250
Tries = Iterator[tuple[float, Callable[[], Any]]]
"""Strengths, and what each gives: an image (height, width) or (height, width, 3)."""


def missing(name: str) -> str | None:
    """Return why a rival cannot run, or None."""
    package = "sporco" if name.startswith("SPORCO") else "skimage"
    if importlib.util.find_spec(package) is None:
        return f"{package} is not installed"
    if "wavelet" in name and importlib.util.find_spec("pywt") is None:
        return "PyWavelets is not installed"
    return None


def sporco_denoise(noisy: Any, bank: Any, sigma: float) -> Tries:
    """SPORCO's CSC with weights from squared correlations (grey)."""
    cbpdn, low = _module("sporco.admm.cbpdn"), _module("sporco.signal").tikhonov_filter
    smooth, rough = low(noisy, 5.0, 16)
    padded = low(_mirrored(noisy), 5.0, 16)[1]
    spectra = np.conj(np.fft.rfft2(bank, padded.shape, axes=(0, 1)))
    spectra = spectra * np.fft.rfft2(padded)[..., None]
    correlation = np.fft.irfft2(spectra, padded.shape, axes=(0, 1))
    weights = (1 / np.maximum(correlation**2, 1e-8)).astype(np.float32)

    def run(weight: float) -> Any:
        options = {
            "Verbose": False,
            "MaxMainIter": _STEPS,
            "HighMemSolve": True,
            "RelStopTol": 3e-3,
            "AuxVarObj": False,
            "L1Weight": weights,
            "AutoRho": {"Enabled": False},
            "rho": 400 * weight,
        }
        solver = cbpdn.ConvBPDN(
            bank, _mirrored(rough), weight, cbpdn.ConvBPDN.Options(options), dimK=0
        )
        solver.solve()
        return np.clip(_cropped(solver.reconstruct().squeeze()) + smooth, 0, 1)

    weight = 4.8e-2 * (sigma / 0.1) ** 3
    yield weight, lambda: run(weight)


def sporco_masked(signal: Any, mask: Any, bank: Any) -> Tries:
    """SPORCO's ConvBPDNMaskDcpl after a low-pass by masked total variation."""
    cbpdn, tvl2 = _module("sporco.admm.cbpdn"), _module("sporco.admm.tvl2")
    there = np.pad(mask, _BORDER)
    padded = _mirrored(signal * mask)
    options = {"MaxMainIter": 200, "DFidWeight": there, "gEvalY": False}
    options["AutoRho"] = {"Enabled": True}
    smooth = tvl2.TVL2Denoise(padded, 0.05, tvl2.TVL2Denoise.Options(options)).solve()

    def run(weight: float) -> Any:
        made = cbpdn.ConvBPDNMaskDcpl.Options(_masked_options(weight) | {"RelStopTol": 3e-2})
        solver = cbpdn.ConvBPDNMaskDcpl(bank, there * (padded - smooth), weight, there, opt=made)
        solver.solve()
        return _cropped(smooth + solver.reconstruct().squeeze())

    yield 2e-2, lambda: run(2e-2)


def sporco_gradient(signal: Any, mask: Any, bank: Any) -> Tries:
    """SPORCO's AddMaskSim of ConvBPDNGradReg, the low-pass an impulse filter's own map."""
    cbpdn = _module("sporco.admm.cbpdn")
    there, padded = np.pad(mask, _BORDER), _mirrored(signal * mask)
    impulse = np.zeros((*bank.shape[:2], 1), np.float32)
    impulse[0, 0] = 1
    filters = np.concatenate([impulse, bank], axis=2)
    free = np.ones((1, 1, filters.shape[2] + 1), np.float32)
    free[..., [0, -1]] = 0
    slopes = np.full(filters.shape[2] + 1, 0.2, np.float32)
    slopes[[0, -1]] = 1, 0

    def run(weight: float) -> Any:
        options = _masked_options(weight) | {"L1Weight": free, "GradWeight": slopes}
        made = cbpdn.ConvBPDNGradReg.Options(options)
        solver = cbpdn.AddMaskSim(
            cbpdn.ConvBPDNGradReg, filters, padded, there, weight, 0.2, opt=made
        )
        solver.solve()
        return _cropped(solver.reconstruct().squeeze())

    yield 1e-2, lambda: run(1e-2)


def nl_means(noisy: Any, sigma: float) -> Tries:
    """scikit-image's non-local means, fast mode, patches of 7 and 5."""
    restoration, channels = _module("skimage.restoration"), _channels(noisy)
    for size in (5, 7):
        for share in (0.6, 0.8):
            yield (
                share * sigma,
                lambda share=share, size=size: restoration.denoise_nl_means(
                    noisy, size, 11, h=share * sigma, sigma=sigma, channel_axis=channels
                ),
            )


def total_variation(noisy: Any, sigma: float) -> Tries:
    """scikit-image's TV-Chambolle."""
    restoration, channels = _module("skimage.restoration"), _channels(noisy)
    for share in (0.6, 0.8, 1.0, 1.2, 1.5):
        yield (
            share * sigma,
            lambda share=share: restoration.denoise_tv_chambolle(
                noisy, share * sigma, channel_axis=channels
            ),
        )


def wavelets(noisy: Any, sigma: float) -> Tries:
    """scikit-image's BayesShrink of wavelets, averaged over 16 shifts of the image."""
    restoration, channels = _module("skimage.restoration"), _channels(noisy)
    options = {"sigma": sigma, "method": "BayesShrink", "rescale_sigma": True}
    for luma in (False, True) if noisy.ndim > 2 else (False,):
        chosen = options | {"channel_axis": channels, "convert2ycbcr": luma}
        yield (
            sigma,
            lambda chosen=chosen: restoration.cycle_spin(
                noisy,
                func=restoration.denoise_wavelet,
                max_shifts=3,
                func_kw=chosen,
                num_workers=1,
                channel_axis=channels,
            ),
        )


def biharmonic(signal: Any, mask: Any) -> Tries:
    """scikit-image's inpainting by the biharmonic equation."""
    restoration = _module("skimage.restoration")
    yield (
        0.0,
        lambda: restoration.inpaint_biharmonic(
            signal * (mask if signal.ndim == 2 else mask[..., None]),
            mask == 0,
            channel_axis=_channels(signal),
        ),
    )


def _masked_options(weight: float) -> dict[str, Any]:
    return {
        "Verbose": False,
        "MaxMainIter": 200,
        "HighMemSolve": True,
        "RelStopTol": 5e-3,
        "AuxVarObj": False,
        "RelaxParam": 1.8,
        "rho": 50 * weight + 0.1,
        "AutoRho": {"Enabled": False, "StdResiduals": False},
    }


def _module(name: str) -> Any:
    return importlib.import_module(name)


def _channels(image: Any) -> int | None:
    return -1 if image.ndim > 2 else None


def _mirrored(image: Any) -> Any:
    return np.pad(image, _BORDER, mode="symmetric")


def _cropped(image: Any) -> Any:
    return image[_BORDER:-_BORDER, _BORDER:-_BORDER]
