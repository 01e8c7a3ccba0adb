"""Conversion of Keras models to the int8 TFLite files that the device runs."""
