"""Asks one prompt, or for the models, by Open WebUI's API: list | ask MODEL PROMPT | whole MODEL PROMPT."""

import json
import os
import sys

import requests

address = os.environ["SERVICE_ADDRESS"]
mode, *rest = sys.argv[1:]
login = {"email": "", "password": ""}
token = requests.post(f"{address}/api/v1/auths/signin", json=login).json()["token"]
headers = {"Authorization": f"Bearer {token}"}

if mode == "list":
    print([model["id"] for model in requests.get(f"{address}/api/models", headers=headers).json()["data"]])
    sys.exit()

# Open WebUI accepts only models of its list.
requests.get(f"{address}/api/models", headers=headers)
model, prompt = rest
body = {
    "model": model,
    "messages": [{"role": "user", "content": prompt}],
    "stream": mode == "ask",
}
answer = requests.post(
    f"{address}/api/chat/completions", headers=headers, json=body, stream=mode == "ask"
)
if not answer.ok or mode == "whole":
    print(answer.text)
    sys.exit(0 if answer.ok else 1)
for line in answer.iter_lines():
    if line.startswith(b"data: {"):
        event = json.loads(line[6:])
        for choice in event.get("choices", []):
            print(choice["delta"].get("content") or "", end="", flush=True)
        if "error" in event:
            sys.exit(json.dumps(event["error"]))
print()
