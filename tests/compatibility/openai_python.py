"""Tries OpenAI's Python package on a gateway: prints what came of each step, as JSON."""

import json
import os
import sys

from openai import OpenAI, APIError, NotFoundError
from pydantic import BaseModel

client = OpenAI(
    base_url=os.environ["BASE_URL"], api_key=os.environ["API_KEY"], max_retries=0
)
model = os.environ["MODEL"]
say = json.loads(os.environ["SAY"])
tools = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("get_weather", "get_time")
]


class Person(BaseModel):
    name: str
    age: int


def user(text):
    return [{"role": "user", "content": text}]


def whole():
    answer = client.chat.completions.create(model=model, messages=user(say["hello"]))
    return [answer.choices[0].message.content, answer.usage.completion_tokens]


def stream():
    chunks = client.chat.completions.create(
        model=model, messages=user(say["hello"]), stream=True
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def helper():
    with client.chat.completions.stream(
        model=model, messages=user(say["tools"]), tools=tools
    ) as events:
        for _ in events:
            pass
        answer = events.get_final_completion()
    calls = answer.choices[0].message.tool_calls
    return [[call.function.name, call.function.arguments] for call in calls]


def parse():
    answer = client.chat.completions.parse(
        model=model, messages=user(say["json"]), response_format=Person
    )
    return answer.choices[0].message.parsed.model_dump()


def cut():
    try:
        for _ in client.chat.completions.create(
            model=model, messages=user(say["cut"]), stream=True
        ):
            pass
    except APIError as error:
        return type(error).__name__
    return "a silent end"


def models():
    return model in [one.id for one in client.models.list()]


def embeddings():
    answer = client.embeddings.create(model=model, input=["embed this"])
    return answer.data[0].embedding


def responses():
    try:
        return client.responses.create(model=model, input=say["hello"]).output_text
    except NotFoundError as error:
        return error.code


json.dump({step.__name__: step() for step in (whole, stream, helper, parse, cut, models)} | (
    {step.__name__: step() for step in (embeddings, responses)}
    if model.startswith("openai") else {}
), sys.stdout)
