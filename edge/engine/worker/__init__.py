"""Everything that runs inside a worker process: llama.cpp, one model, and answers to the frames its parent sends."""
