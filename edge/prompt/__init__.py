"""The prompt: its layout, and what of the passages fits into it. All pure."""
