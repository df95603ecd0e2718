"""transformers' own server of OpenAI's protocol, on the processor.

    python serve.py PORT
"""

import sys

import torch
from transformers.cli.serve import Serve

torch.set_num_threads(1)
# transformers asks torch whether a CUDA graph is being recorded, and behind lean.py's stand-ins nobody knows.
torch.cuda.is_current_stream_capturing = lambda: False
Serve(host="127.0.0.1", port=int(sys.argv[1]), device="cpu", dtype="float32")
