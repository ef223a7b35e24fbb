"""The SDK: what application code imports."""
