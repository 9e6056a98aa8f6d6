"""Our Model Context Protocol server with what the official conformance suite wants to find on it, served as `eco serve` serves it.

The suite looks for tools, prompts and resources of fixed names, which no real server has; they are added to ours here, in the tests, so
that every scored scenario runs against our door, our transport options and our error handling.
Run as `python fixture_profile.py HOME PORT`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    AudioContent,
    Completion,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    EmbeddedResource,
    ImageContent,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
    TextContent,
    TextResourceContents,
)

from eco_assets.mcp.service.tools import EcoServer

PNG = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
    )
).decode()
WAV = base64.b64encode(b"RIFF&\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0@\x1f\0\0@\x1f\0\0\x01\0\x08\0data\x02\0\0\0\x80\x80").decode()
MISSING_CAPABILITY = -32021
FIXTURE = "A fixture of the official conformance suite."
Ctx = Context[Any, Any]


def form(message: str, name: str, kind: str = "string") -> ElicitRequest:
    schema = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sample(text: str, max_tokens: int) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=TextContent(type="text", text=text))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=max_tokens))


def wanted(requests: Mapping[str, Any], state: str | None = None) -> InputRequiredResult:
    return InputRequiredResult(input_requests=dict(requests), request_state=state)


def given(ctx: Ctx, *names: str) -> list[Any] | None:
    """The client's answers under these names, or None while one is missing or no acceptance."""
    answers = ctx.input_responses or {}
    found = [answers.get(name) for name in names]
    if any(answer is None or getattr(answer, "action", "accept") != "accept" for answer in found):
        return None
    return found


def answered(answer: Any, name: str) -> Any:
    return (getattr(answer, "content", None) or {}).get(name)


def add_contents(server: EcoServer) -> None:
    embedded = TextResourceContents(uri="test://embedded-resource", mime_type="text/plain", text="This is an embedded resource content.")
    mixed = TextResourceContents(uri="test://mixed-content-resource", mime_type="application/json", text='{"test":"data","value":123}')
    image = ImageContent(type="image", data=PNG, mime_type="image/png")

    @server.tool(description=FIXTURE)
    def test_simple_text() -> str:
        return "This is a simple text response for testing."

    @server.tool(description=FIXTURE)
    def test_image_content() -> list[ImageContent]:
        return [image]

    @server.tool(description=FIXTURE)
    def test_audio_content() -> list[AudioContent]:
        return [AudioContent(type="audio", data=WAV, mime_type="audio/wav")]

    @server.tool(description=FIXTURE)
    def test_embedded_resource() -> list[EmbeddedResource]:
        return [EmbeddedResource(type="resource", resource=embedded)]

    @server.tool(description=FIXTURE)
    def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
        text = TextContent(type="text", text="Multiple content types test:")
        return [text, image, EmbeddedResource(type="resource", resource=mixed)]

    @server.tool(description=FIXTURE)
    def test_error_handling() -> str:
        raise ToolError("This tool intentionally returns an error for testing")

    @server.tool(description=FIXTURE)
    async def test_tool_with_progress(ctx: Ctx) -> str:
        for done in (0, 50, 100):
            await ctx.report_progress(done, 100)
            await asyncio.sleep(0.05)
        return "done"

    @server.tool(description=FIXTURE)
    async def test_logging_tool(ctx: Ctx) -> str:
        return "nothing is logged to a client that asked for no level"


def add_diagnostics(server: EcoServer) -> None:
    @server.tool(description=FIXTURE)
    async def test_missing_capability(ctx: Ctx) -> str:
        known = ctx.client_capabilities
        if known is None or known.sampling is None:
            raise MCPError(MISSING_CAPABILITY, "the client did not declare sampling", {"requiredCapabilities": {"sampling": {}}})
        return "the client can sample"

    @server.tool(description=FIXTURE)
    async def test_streaming_elicitation(ctx: Ctx) -> str | InputRequiredResult:
        return "answered" if given(ctx, "user_name") else wanted({"user_name": form("What is your name?", "name")})

    @server.tool(description=FIXTURE)
    async def test_input_required_result_capabilities(ctx: Ctx) -> str | InputRequiredResult:
        known, requests = ctx.client_capabilities, {}
        if known is not None and known.elicitation is not None:
            requests["user_name"] = form("What is your name?", "name")
        if known is not None and known.sampling is not None:
            requests["greeting"] = sample("Generate a greeting", 50)  # type: ignore[assignment]
        return "done" if given(ctx, *requests) and ctx.input_responses else wanted(requests)


def add_rounds(server: EcoServer) -> None:
    @server.tool(description=FIXTURE)
    async def test_input_required_result_elicitation(ctx: Ctx) -> str | InputRequiredResult:
        answers = given(ctx, "user_name")
        name = answered(answers[0], "name") if answers else None
        return f"Hello, {name}!" if isinstance(name, str) else wanted({"user_name": form("What is your name?", "name")})

    @server.tool(description=FIXTURE)
    async def test_input_required_result_sampling(ctx: Ctx) -> str | InputRequiredResult:
        answers = given(ctx, "capital_question")
        return str(answers[0].content) if answers else wanted({"capital_question": sample("What is the capital of France?", 100)})

    @server.tool(description=FIXTURE)
    async def test_input_required_result_list_roots(ctx: Ctx) -> str | InputRequiredResult:
        answers = given(ctx, "client_roots")
        return f"roots: {[str(root.uri) for root in answers[0].roots]}" if answers else wanted({"client_roots": ListRootsRequest()})

    @server.tool(description=FIXTURE)
    async def test_input_required_result_request_state(ctx: Ctx) -> str | InputRequiredResult:
        if given(ctx, "confirm") and ctx.request_state == "asked":
            return "state-ok"
        return wanted({"confirm": form("Please confirm", "ok", "boolean")}, "asked")

    @server.tool(description=FIXTURE)
    async def test_input_required_result_tampered_state(ctx: Ctx) -> str | InputRequiredResult:
        if ctx.request_state not in (None, "asked"):
            raise MCPError(INVALID_PARAMS, "the request state was changed")
        if given(ctx, "confirm"):
            return "state-ok"
        return wanted({"confirm": form("Please confirm", "ok", "boolean")}, "asked")

    @server.tool(description=FIXTURE)
    async def test_input_required_result_multiple_inputs(ctx: Ctx) -> str | InputRequiredResult:
        requests = {
            "user_name": form("What is your name?", "name"),
            "greeting": sample("Generate a greeting", 50),
            "client_roots": ListRootsRequest(),
        }
        return "all three are here" if given(ctx, *requests) else wanted(requests, "asked")

    @server.tool(description=FIXTURE)
    async def test_input_required_result_multi_round(ctx: Ctx) -> str | InputRequiredResult:
        state = json.loads(ctx.request_state or "{}")
        if "name" in state and (second := given(ctx, "step2")):
            return f"{state['name']} likes {answered(second[0], 'color')}"
        if first := given(ctx, "step1"):
            told = json.dumps({"name": answered(first[0], "name")})
            return wanted({"step2": form("Step 2: What is your favorite color?", "color")}, told)
        return wanted({"step1": form("Step 1: What is your name?", "name")}, "{}")


def add_readables(server: EcoServer) -> None:
    @server.resource("test://static-text", mime_type="text/plain")
    def static_text() -> str:
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    def static_binary() -> bytes:
        return base64.b64decode(PNG)

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def template(id: str) -> str:
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})

    @server.prompt(description=FIXTURE)
    def test_simple_prompt() -> list[UserMessage]:
        return [UserMessage("This is a simple prompt for testing.")]

    @server.prompt(description=FIXTURE)
    def test_prompt_with_arguments(arg1: str, arg2: str) -> list[UserMessage]:
        return [UserMessage(f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'")]

    @server.prompt(description=FIXTURE)
    def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:  # noqa: N803 - the suite's name
        held = TextResourceContents(uri=resourceUri, mime_type="text/plain", text="Embedded resource content for testing.")
        return [UserMessage(EmbeddedResource(type="resource", resource=held)), UserMessage("Please process the embedded resource above.")]

    @server.prompt(description=FIXTURE)
    def test_prompt_with_image() -> list[UserMessage]:
        return [UserMessage(ImageContent(type="image", data=PNG, mime_type="image/png")), UserMessage("Please analyze the image above.")]

    @server.prompt(description=FIXTURE)
    async def test_input_required_result_prompt(ctx: Ctx) -> list[UserMessage] | InputRequiredResult:
        answers = given(ctx, "user_context")
        if not answers:
            return wanted({"user_context": form("What context should the prompt use?", "context")})
        return [UserMessage(f"Context: {answered(answers[0], 'context')}")]

    @server.completion()
    async def complete(ref: Any, argument: Any, context: Any) -> Completion:
        return Completion(values=["paris", "park"], total=2, has_more=False)


def serve_profile(home: Path, port: int) -> None:
    from eco_assets.mcp.service.app import Front, build
    from eco_assets.mcp.service.server import serve
    from eco_assets.mcp.service.state import Service
    from eco_assets.mcp.service.tools import tools_for
    from eco_assets.platform import Platform
    from eco_assets.settings import Settings

    def make() -> Front:
        service = Service(Platform(Settings(home=home)))
        tools = tools_for(service)
        for add in (add_contents, add_diagnostics, add_rounds, add_readables):
            add(tools)
        return build(service, tools=tools)

    serve(Platform(Settings(home=home)), make, host="127.0.0.1", port=port, workers=1)


if __name__ == "__main__":
    serve_profile(Path(sys.argv[1]), int(sys.argv[2]))
