"""Asks one prompt through LiteLLM, with a tool that writes note.txt: MODEL PROMPT [whole]."""

import json
import os
import sys

import litellm

model, prompt, *mode = sys.argv[1:]
tool = {
    "type": "function",
    "function": {
        "name": "write_note",
        "description": "Writes note.txt.",
        "parameters": {"type": "object", "properties": {"text": {"type": "string"}}},
    },
}
messages = [{"role": "user", "content": prompt}]


def ask():
    answer = litellm.completion(
        model=f"openai/{model}",
        api_base=os.environ["COLINK_ADDRESS"] + "/v1",
        api_key=os.environ["COLINK_API_KEY"],
        messages=messages,
        tools=[tool],
        stream=mode != ["whole"],
    )
    if mode != ["whole"]:
        answer = litellm.stream_chunk_builder(list(answer), messages=messages)
    return answer.choices[0].message


message = ask()
while message.tool_calls:
    messages.append(message.model_dump(exclude_none=True))
    for call in message.tool_calls:
        with open("note.txt", "w") as file:
            file.write(json.loads(call.function.arguments)["text"])
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "written"})
    message = ask()
print(message.content)
