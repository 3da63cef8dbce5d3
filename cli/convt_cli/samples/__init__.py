"""Sample values: formats, codecs, levels, gain, dither and rounding, NaN and infinity."""
