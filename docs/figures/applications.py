"""The pictures of the applications page: `python docs/figures/applications.py`.

Writes app_denoise.png, app_inpaint.png, app_decompose.png, app_events.png and app_features.png to
docs/images.
"""

from pathlib import Path

import numpy as np

import sparsecsc as sc
from sparsecsc import plot
from sparsecsc.io import load_learned_model

IMAGES = Path(__file__).resolve().parents[1] / "images"
FILTERS = sc.dct_filters((8, 8)).astype(np.float32)


def save(name: str, panels: dict[str, np.ndarray], dpi: int = 50, **options: object) -> None:
    """Draw arrays (height, width), (height, width, 3) or (n_samples,) side by side."""
    core = {
        key: np.moveaxis(array, -1, 0)[None] if array.ndim == 3 else array[None, None]
        for key, array in panels.items()
    }
    plot.side_by_side(core, **options).savefig(
        IMAGES / f"app_{name}.png", dpi=dpi, bbox_inches="tight"
    )


def psnr(clean: np.ndarray, image: np.ndarray) -> str:
    """Return the PSNR in words."""
    return f"{-10 * np.log10(np.mean((image - clean) ** 2)):.1f} dB"


def denoise() -> None:
    """Draw a colour photograph with noise and without."""
    clean = sc.load_image("chelsea")[60:220, 130:290]
    noise = np.random.default_rng(0).standard_normal(clean.shape).astype(np.float32)
    noisy = clean + np.float32(25 / 255) * noise
    restored = sc.denoise(noisy, FILTERS).signal
    names = f"noisy, {psnr(clean, noisy)}", f"denoised, {psnr(clean, restored)}"
    save("denoise", {names[0]: noisy, names[1]: restored, "clean": clean})


def inpaint() -> None:
    """Draw a photograph of which half is missing, and filled in."""
    clean = sc.load_image("camera")[60:260, 130:330]
    mask = np.random.default_rng(0).random(clean.shape) < 0.5
    filled = sc.inpaint(clean * mask, mask, FILTERS).signal
    names = "half of the pixels", f"filled in, {psnr(clean, filled)}"
    save("inpaint", {names[0]: clean * mask, names[1]: filled, "all pixels": clean})


def decompose() -> None:
    """Draw the blocks and the stripes of a photograph."""
    image = sc.to_luminance(np.moveaxis(sc.load_image("coffee"), -1, 0)[None])[0, 0]
    image = np.ascontiguousarray(image[140:400, 330:600])
    banks = [sc.haar_filters(3, 2).astype(np.float32), sc.gabor_filters((12, 12)).astype("f4")]
    parts = sc.decompose(image, banks, [0.04, 0.03], lowpass=20.0)
    panels = {"image": image, "smooth part and Haar wavelets": parts.components[0]}
    panels["Gabor filters"] = parts.components[1]
    save("decompose", panels, signed=("Gabor filters",))


def events() -> None:
    """Draw a recording with planted waveforms, and where they were found."""
    rng = np.random.default_rng(0)
    filters = sc.ricker_filters(64, [6.0, 3.0])
    recording = 0.1 * rng.standard_normal(2000)
    for start in range(60, 1900, 230):
        recording[start : start + 64] += rng.uniform(0.8, 1.5) * filters[start // 230 % 2, 0]
    found = sc.find_events(recording, filters, sampling_rate=1000.0)
    total = np.zeros_like(recording)
    for start, kind, size in zip(found.samples, found.filters, found.amplitudes[:, 0], strict=True):
        total[start : start + 64] += size * filters[kind, 0]
    panels = {"recording, and where events begin": recording, "sum of the events": total}
    save("events", panels, sample_rate=1000.0, marks=found.times)


def features() -> None:
    """Draw squares of photographs, and the pooled codes of two layers as rows."""
    import matplotlib.pyplot as plt

    corners = {"camera": ((410, 330), (420, 150)), "chelsea": ((5, 150), (5, 230))}
    corners["coffee"] = ((10, 500), (310, 510))
    squares = []
    for name, places in corners.items():
        image = sc.load_image(name)
        grey = image if image.ndim == 2 else image @ np.float32([0.299, 0.587, 0.114])
        squares += [grey[r : r + 80, c : c + 80] for r, c in places]
    signals = sc.split_lowpass(np.stack(squares)[:, None].astype(np.float32))[1]
    model = load_learned_model("photo2layers").model
    options = {"pool": 80, "layers": (1, 2), "max_iter": 20, "tol": 0}
    rows = sc.layered_features(model, signals, [sc.L1(0.03)] * 2, sc.MLFISTA(), **options)
    figure = plt.figure(figsize=(9, 4.2))
    grid = figure.add_gridspec(6, 2, width_ratios=[1, 12], wspace=0.02, hspace=0.05)
    for n, square in enumerate(squares):
        ax = figure.add_subplot(grid[n, 0])
        ax.imshow(square, cmap="gray", vmin=0, vmax=1)
        ax.set_axis_off()
    ax = figure.add_subplot(grid[:, 1])
    shares = rows / rows.sum(axis=1, keepdims=True)
    shown = shares / shares.max(axis=0, keepdims=True).clip(1e-12)
    ax.imshow(shown, aspect="auto", cmap="magma", interpolation="nearest")
    first = model.dictionaries[0].n_filters
    ax.axvline(first - 0.5, color="w")
    ax.set(yticks=[], xlabel="share of each filter in the codes of a square, over its largest")
    ax.set_title(f"layer 1, {first} filters | layer 2, {rows.shape[1] - first} filters")
    figure.savefig(IMAGES / "app_features.png", dpi=70, bbox_inches="tight")


if __name__ == "__main__":
    denoise()
    inpaint()
    decompose()
    events()
    features()
