"""What sparse codes are for: denoising, inpainting, taking apart, events, features."""
