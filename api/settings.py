"""Every CITESPAN_ setting: type, default, bounds, help.  Alone reads the environment."""

import contextlib
import difflib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.auth.client_address import Address, networks_of
from api.auth.cors import check_origin
from api.auth.rate_limits import rate_of
from index import ARTICLE_SECONDS, FetchPolicy, InputError, Limits

if TYPE_CHECKING:
    from qa import Options

MIB = 1024**2
# Variables that clients of a service read.
_OF_CLIENTS = {"CITESPAN_API_KEY"}
Origin = Annotated[str, StringConstraints(pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$")]


@contextlib.contextmanager
def _said() -> Iterator[None]:
    """Turn our error into the one that pydantic adds the variable's name to."""
    try:
        yield
    except InputError as error:
        raise ValueError(str(error)) from None


class Settings(BaseSettings):
    """All settings; each is read from the variable CITESPAN_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="CITESPAN_", extra="ignore", frozen=True)

    library: Path = Field(Path("library"), description="folder of the library")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65_535, description="port to listen on; 0 takes a free one")
    insecure: bool = Field(False, description="allow listening on an address that others can reach, without a key")
    keys: Literal["auto", "required", "off"] = Field(
        "auto",
        description="whether a request wants a key: auto from the first `citespan keys add` on, and wherever others "
        "can reach the address; off only where they cannot, or with insecure",
    )
    rate: str = Field("600/minute", description="requests of one key that are served, or off; a key may have its own")
    address_rate: str = Field(
        "120/minute",
        description="requests of one address, other than this machine's, that are served without a key or with a key "
        "for pages, or off",
    )
    bad_keys: int = Field(
        10,
        ge=1,
        le=10_000,
        description="requests with a bad key that an address may send in a minute before it gets 429",
    )
    key_asks: int = Field(
        4,
        ge=0,
        le=10_000,
        description="questions that one key, or one address without one, may have under way at a time; more get 429; "
        "0 for any number",
    )
    trusted_proxies: list[str] = Field(
        [], description='proxies whose X-Forwarded-For is believed, as JSON in CIDR form: ["127.0.0.1"]'
    )
    allowed_origins: list[str] = Field(
        [],
        description='origins whose pages may ask here, as JSON: ["https://www.example.org"]; those of a key need not '
        "be among them",
    )
    allowed_hosts: list[str] = Field(
        [], description='further names that the Host header may hold, as JSON: ["qa.example.org"]'
    )
    reader: str | None = Field(None, description="folder or hub name of the reader; unset takes the shipped one")
    encoder: str | None = Field(None, description="folder or hub name of the encoder; unset takes the shipped one")
    runtime: Literal["auto", "openvino", "torch"] = Field(
        "auto", description="what runs the networks; auto takes OpenVINO where it can run the model on a processor"
    )
    device: str = Field("auto", description="auto, cpu or cuda")
    precision: Literal["auto", "float32", "bfloat16"] = Field("auto", description="number format of the networks")
    threads: int = Field(0, ge=0, le=256, description="threads for one forward pass; 0 leaves it to the machine")
    threshold: float | None = Field(
        None, ge=0, le=1, description="confidence below which no answer is given; unset takes the fitted one"
    )
    thorough: bool = Field(
        False, description="read every passage asked for, also where no better answer is likely among the rest"
    )
    allowed_networks: list[str] = Field(
        [],
        description="private networks that pages may be fetched from and webhooks sent to, as JSON in CIDR form: "
        '["10.1.0.0/16"]; loopback must be listed by itself, and where clouds hand out credentials stays closed',
    )
    allowed_ports: list[int] = Field(
        [80, 443], description="ports that pages may be fetched from and webhooks sent to, as JSON"
    )
    fetch_seconds: float = Field(20, gt=0, description="time in which a page must be fetched, with its redirects")
    fetch_bytes: int = Field(10 * MIB, ge=1_024, description="largest page that is fetched, after decompression")
    fetch_pause_seconds: float = Field(1, ge=0, description="time between two requests to one host, at least")
    fetch_pages: int = Field(1_000, ge=1, le=50_000, description="pages that one feed or sitemap may bring at a time")
    ask_body_bytes: int = Field(64 * 1024, ge=1_024, description="largest body of a question or search")
    chat_body_bytes: int = Field(
        MIB, ge=1_024, description="largest body of /v1/chat/completions, a whole conversation"
    )
    article_body_bytes: int = Field(
        16 * MIB, ge=1_024, description="largest body of one article, or of texts to embed or to read"
    )
    article_seconds: float = Field(
        ARTICLE_SECONDS,
        gt=0,
        description="processor time in which an article must be cleaned and cut into passages; one that takes more is "
        "refused",
    )
    batch_body_bytes: int = Field(256 * MIB, ge=1_024, description="largest body of /v1/articles/batch")
    collections_size: int = Field(
        1_000, ge=1, le=100_000, description="collections that a library may have; a further one gets 409"
    )
    collections_open: int = Field(
        64,
        ge=2,
        le=10_000,
        description="collections whose files and vectors are held at a time, fewer where the process may open few "
        "files; others are opened when they are asked",
    )
    free_bytes: int | None = Field(
        None,
        ge=0,
        description="free space on the library's disk below which nothing is added, so that answering and removing go "
        "on; unset takes a hundredth of the disk, 64 MiB to 1 GiB, but never over a tenth; 0 for none",
    )
    jobs_size: int = Field(16, ge=1, le=10_000, description="jobs that may be open at a time; more get 503")
    upload_file_bytes: int = Field(32 * MIB, ge=1_024, le=32 * MIB, description="largest file of an upload")
    upload_body_bytes: int = Field(64 * MIB, ge=1_024, description="largest body of an upload, all its files together")
    upload_files: int = Field(100, ge=1, le=10_000, description="files in one upload")
    uploads_size: int = Field(4, ge=1, le=1_000, description="uploads taken in at a time; more get 503")
    watches_size: int = Field(1_000, ge=1, le=100_000, description="standing questions that may be kept in a library")
    webhook_seconds: float = Field(15, gt=0, le=60, description="time in which a webhook's receiver must answer")
    webhook_retry_seconds: list[Annotated[float, Field(ge=0, le=604_800)]] = Field(
        [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400],
        max_length=50,
        description="waits before each further try of a webhook, as JSON; after the last the webhook is turned off",
    )
    header_bytes: int = Field(16 * 1024, ge=1_024, description="largest headers of a request, in all")
    url_bytes: int = Field(8 * 1024, ge=256, description="longest path and query")
    header_seconds: float = Field(10, gt=0, description="time in which a request's headers must arrive")
    body_seconds: float = Field(
        60, gt=0, description="time in which a request's body must arrive, and 4 s more for each MiB that it declares"
    )
    read_seconds: float = Field(
        30, gt=0, description="time in which a client must take some of what it is sent before it is let go"
    )
    reply_bytes: int = Field(
        128 * MIB,
        ge=MIB,
        description="bytes of replies that may wait for their clients to take them; beyond, requests get 503, and from "
        "half of it on readers slower than 16 KiB a second are let go",
    )
    ask_seconds: float = Field(10, gt=0, description="time in which a question must be answered")
    concurrency: int = Field(
        2,
        ge=1,
        le=64,
        description="questions worked at a time; they share the networks' batches. Those that take long do not count, "
        "up to twice as many",
    )
    wait_times: float = Field(
        1.5,
        ge=0,
        description="expected wait for its turn up to which a question is taken while more come than can be answered, "
        "in multiples of the time that one takes; others get 503. After a pause a few more are taken at once",
    )
    wait_seconds: float = Field(0.05, ge=0, description="the same in seconds, where that is more")
    queue_size: int = Field(32, ge=1, le=10_000, description="questions that may wait, however soon their turn comes")
    shutdown_seconds: float = Field(10, ge=0, description="time that accepted requests have to finish on SIGTERM")
    slack_signing_secret: SecretStr | None = Field(
        None, min_length=16, description="the Slack app's signing secret; unset, no slash command is answered"
    )
    slack_collection: str = Field("default", description="collection that the slash command asks")
    slack_teams: list[str] = Field(
        [],
        description='workspaces that may ask by slash command, as JSON: ["T012AB3CD"]; empty, all that have the app',
    )
    slack_origins: list[Origin] = Field(
        ["https://hooks.slack.com"],
        description="where answers to slash commands may be sent, as JSON; GovSlack has its own",
    )
    slack_wait_seconds: float = Field(
        1.5,
        ge=0,
        le=2.5,
        description="time in which an answer is the reply itself, since Slack waits 3 s; later it is sent",
    )
    conversations_size: int = Field(
        1_000, ge=1, le=1_000_000, description="conversations kept for each key; beyond, those begun first go"
    )
    conversation_messages: int = Field(
        200, ge=2, le=100_000, description="messages kept of a conversation; beyond, the first go"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least severe event logged")
    mcp_writes: bool = Field(
        False, description="whether assistants get the tools that add and remove articles (Model Context Protocol)"
    )
    log_questions: bool = Field(
        False,
        description="whether questions are written to the log, and what exceptions and libraries say, which may quote "
        "them",
    )
    log_repeats: int = Field(
        30,
        ge=1,
        le=100_000,
        description="times that one kind of error or refused request is written to the log in a minute; more are "
        "counted",
    )
    traces: bool = Field(
        False,
        description="whether traces are sent, by OpenTelemetry; the standard OTEL_ variables say where to "
        "(OTEL_EXPORTER_OTLP_ENDPOINT) and how many (OTEL_TRACES_SAMPLER). Needs the extra otel",
    )
    audit_file: Path | None = Field(
        None,
        description="file to which it is written who changed what, a JSON line each; unset, standard error, to which "
        "`citespan keys` writes unless that is a terminal",
    )

    @field_validator("library", "audit_file")
    @classmethod
    def _home(cls, value: Path | None) -> Path | None:
        try:
            return value and value.expanduser()
        except RuntimeError:
            raise ValueError(f"{str(value)[:200]!r}: there is no such home folder, write the whole path") from None

    @field_validator("rate", "address_rate")
    @classmethod
    def _rate(cls, value: str) -> str:
        with _said():
            rate_of(value)
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, values: list[str]) -> list[str]:
        with _said():
            networks_of(values)
        return values

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, values: list[str]) -> list[str]:
        with _said():
            return [check_origin(value) for value in values]

    @classmethod
    def read(cls, **given: object) -> Self:
        """Read the environment; values that are given and not None win.

        Raises:
            InputError: a value is of the wrong kind or out of range; the message names the variable.
        """
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
        except ValidationError as error:
            first = error.errors()[0]
            name = "_".join(str(part) for part in first["loc"]).upper()
            raise InputError(f"CITESPAN_{name}: {first['msg'].removeprefix('Value error, ')}") from None
        except ValueError as error:  # pydantic-settings: a list that is not JSON
            field = re.search(r'field "(\w+)"', str(error))
            name = f"CITESPAN_{field[1].upper()}" if field else "a CITESPAN_ variable"
            raise InputError(f'{name} cannot be read: a list is written as JSON, ["one", "two"] or [80, 443]') from None

    @classmethod
    def misspelt(cls) -> list[tuple[str, str]]:
        """Return variables of the environment that are no setting but nearly one, each with what was probably meant."""
        names = {f"CITESPAN_{name.upper()}" for name in cls.model_fields} | _OF_CLIENTS
        strange = sorted(name for name in os.environ if name.startswith("CITESPAN_") and name not in names)
        near = ((name, difflib.get_close_matches(name, names, n=1, cutoff=0.88)) for name in strange)
        return [(name, matches[0]) for name, matches in near if matches]

    def options(self) -> "Options":
        """Return what these settings say about models."""
        from qa import Options  # heavy: `citespan --help` reads no models

        return Options(
            reader=self.reader,
            encoder=self.encoder,
            runtime=self.runtime,
            device=self.device,
            precision=self.precision,
            threads=self.threads,
            threshold=self.threshold,
            thorough=self.thorough,
            article_seconds=self.article_seconds,
            limits=Limits(
                collections=self.collections_size, open_collections=self.collections_open, free_bytes=self.free_bytes
            ),
        )

    def policy(self) -> FetchPolicy:
        """Return what these settings say about fetching.

        Raises:
            InputError: a network or port is none; the message names the variable.
        """
        try:
            return FetchPolicy(
                allowed_networks=tuple(self.allowed_networks),
                allowed_ports=tuple(self.allowed_ports),
                seconds=self.fetch_seconds,
                max_bytes=self.fetch_bytes,
                pause_seconds=self.fetch_pause_seconds,
                max_pages=self.fetch_pages,
            )
        except InputError as error:
            raise InputError(f"CITESPAN_{error.field.upper()}{str(error).removeprefix(error.field)}") from None

    @property
    def hosts(self) -> frozenset[str]:
        """Names that the Host header may hold."""
        own = {"127.0.0.1", "localhost", "[::1]", self.host.lower(), *(name.lower() for name in self.allowed_hosts)}
        return frozenset(own)

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        return self.host == "localhost" or Address(self.host.strip("[]")).loopback
