"""A Llama model with random weights, served by llama.cpp, to try Co-Link with real model servers.

    pip install xllamacpp==2026.10.11549 gguf==0.19.0
    python scripts/tiny_llama.py PORT LAYERS WIDTH

More layers and a greater width (a multiple of 32) make it slower. What it says means nothing.
"""

import os
import sys
import tempfile
import time

import gguf
import numpy as np
import xllamacpp

CONTEXT = 8192
SLOTS = 2


def write_model(path: str, layers: int, width: int) -> None:
    random = np.random.default_rng(1)
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    types = [gguf.TokenType.UNKNOWN] + [gguf.TokenType.CONTROL] * 2 + [gguf.TokenType.BYTE] * 256
    model = gguf.GGUFWriter(path, "llama")
    model.add_context_length(CONTEXT)
    model.add_embedding_length(width)
    model.add_block_count(layers)
    model.add_feed_forward_length(width * 4)
    model.add_head_count(width // 32)
    model.add_head_count_kv(width // 32)
    model.add_rope_dimension_count(32)
    model.add_layer_norm_rms_eps(1e-5)
    model.add_vocab_size(len(tokens))
    model.add_tokenizer_model("llama")
    model.add_token_list(tokens)
    model.add_token_scores([0.0] * len(tokens))
    model.add_token_types(types)
    model.add_bos_token_id(1)
    model.add_eos_token_id(2)
    model.add_unk_token_id(0)
    model.add_chat_template("{% for one in messages %}{{ one.role }}: {{ one.content }}\n{% endfor %}")

    def weights(name: str, *shape: int) -> None:
        model.add_tensor(name, (random.standard_normal(shape) * 0.02).astype(np.float32))

    def ones(name: str) -> None:
        model.add_tensor(name, np.ones(width, dtype=np.float32))

    weights("token_embd.weight", len(tokens), width)
    ones("output_norm.weight")
    weights("output.weight", len(tokens), width)
    for block in [f"blk.{layer}" for layer in range(layers)]:
        ones(f"{block}.attn_norm.weight")
        ones(f"{block}.ffn_norm.weight")
        for part in ["attn_q", "attn_k", "attn_v", "attn_output"]:
            weights(f"{block}.{part}.weight", width, width)
        weights(f"{block}.ffn_gate.weight", width * 4, width)
        weights(f"{block}.ffn_up.weight", width * 4, width)
        weights(f"{block}.ffn_down.weight", width, width * 4)
    model.write_header_to_file()
    model.write_kv_data_to_file()
    model.write_tensors_to_file()
    model.close()


def serve(path: str, port: int) -> None:
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.model_alias = {"random"}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = SLOTS
    params.n_ctx = CONTEXT * SLOTS
    params.cpuparams.n_threads = 1
    server = xllamacpp.Server(params)
    print(f"{server.listening_address}/v1", flush=True)
    while True:
        time.sleep(60)


with tempfile.TemporaryDirectory() as folder:
    file = os.path.join(folder, "random.gguf")
    write_model(file, int(sys.argv[2]), int(sys.argv[3]))
    serve(file, int(sys.argv[1]))
