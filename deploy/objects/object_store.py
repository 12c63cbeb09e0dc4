"""An S3-compatible object store as files: lists, fetches and puts, each whole or not at all.

In: URLs `s3://bucket/key`, credentials from the environment alone. Out: private files whose length and SHA-256 were checked, objects that appear in one
step. Refuses: an object that is not what was said of it, a key that would leave the folder it is fetched into. What fails on the way is tried again after a
pause that grows; what is left after that is a `Failure`, which names the object, what was found and what to do.

ETags are not looked at: they are no hash of an object that was put in parts, or that is encrypted.
"""

import concurrent.futures
import hashlib
import os
import random
import threading
import time
from dataclasses import dataclass, replace

import botocore.config
import botocore.exceptions
import botocore.parsers
import botocore.session
import urllib3.exceptions

# What names credentials in the environment: the keys themselves, or a token's file or address that the cluster put there. No files in a home
# folder, no service of the machine.
CREDENTIALS = ("env", "assume-role-with-web-identity", "container-role")
CHUNK = 1 << 16
# Larger files go in parts of this many bytes; the object appears when the last one is there. S3 takes 10,000 parts.
PART = 64 << 20
# Slower than this, on the whole of an object, counts as stalled.
SLOWEST_BYTES_PER_SECOND = 20_000
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 20.0
# Answers that may be another one the next time, beside every 5xx.
PASSING = {
    "SlowDown", "RequestTimeout", "RequestTimeTooSkewed", "Throttling", "ThrottlingException", "TooManyRequests", "IncompleteBody", "BadDigest",
    "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "OperationAborted", "408", "429",
}  # fmt: skip
ABSENT = {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}


class Failure(Exception):
    """Why something is not done, in words for who can change it."""

    def __init__(self, text, code=1):
        super().__init__(text)
        self.code = code

    def __reduce__(self):
        return Failure, (str(self), self.code)


class Broken(Exception):
    """One transfer that did not come through whole."""


@dataclass(frozen=True)
class Place:
    """An object, or what all keys of a folder begin with."""

    bucket: str
    key: str

    @classmethod
    def folder(cls, url):
        place = cls.object(url.rstrip("/") + "/", "folder")
        return replace(place, key=place.key.lstrip("/"))

    @classmethod
    def object(cls, url, kind="object"):
        bucket, _, key = url.removeprefix("s3://").partition("/")
        if not url.startswith("s3://") or not bucket or (kind == "object" and not key):
            raise Failure(f"{url!r} is no {kind} of an object store; give s3://BUCKET/{'KEY' if kind == 'object' else 'PREFIX'}", code=2)
        return cls(bucket, key)

    def __truediv__(self, name):
        return replace(self, key=self.key + name)

    def __str__(self):
        return f"s3://{self.bucket}/{self.key}"


def sha256_of(path):
    """Length and SHA-256 of a file."""
    digest, size = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()


def is_name(name):
    """Whether a name stays in the folder it is put in."""
    parts = name.split("/")
    return all(part not in ("", ".", "..") for part in parts) and not any(char in "\\\0" for char in name)


class ObjectStore:
    """One client, for any number of threads. `AWS_ENDPOINT_URL` says where it is, if it is not Amazon's; `AWS_REGION` in which region."""

    def __init__(self, connections=8, tries=8, stall_seconds=20.0):
        self.connections, self.tries, self.stall_seconds = connections, tries, stall_seconds
        self.moved = {"fetched": 0, "put": 0, "tried_again": 0}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        nowhere = {"profile": (None, None, None, None)}
        nowhere |= {name: (None, None, os.devnull, None) for name in ("config_file", "credentials_file")}
        session = botocore.session.Session(session_vars=nowhere)
        providers = session.get_component("credential_provider")
        providers.providers = [provider for provider in providers.providers if provider.METHOD in CREDENTIALS]
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        try:
            if session.get_credentials() is None:
                raise Failure("no credentials for the object store; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment", code=2)
            self._s3 = session.create_client(
                "s3",
                region_name=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
                endpoint_url=endpoint,
                config=botocore.config.Config(
                    connect_timeout=stall_seconds,
                    read_timeout=stall_seconds,
                    max_pool_connections=connections,
                    # Once: tries are counted here, where the bytes of an answer are part of it.
                    retries={"total_max_attempts": 1},
                    # The signature covers the SHA-256 of what is put, so that the store refuses other bytes; further checksums are not known to every store.
                    s3={"payload_signing_enabled": True, "addressing_style": "path" if endpoint else "auto"},
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                ),
            )
        except (botocore.exceptions.BotoCoreError, ValueError) as error:
            raise Failure(f"the object store's settings in the environment: {error}", code=2) from error

    def each(self, do, items):
        """`do` for every item, some at once, in their order; the first failure ends it, and whatever this store is still at."""
        pool = concurrent.futures.ThreadPoolExecutor(self.connections)
        try:
            futures = [pool.submit(do, item) for item in items]
            return [future.result() for future in futures]
        except BaseException:
            self._stopped.set()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def list(self, folder):
        """Sizes by name, of everything below."""
        sizes, token = {}, {}
        while True:
            page = self._tried(folder, lambda: self._s3.list_objects_v2(Bucket=folder.bucket, Prefix=folder.key, **token))
            for found in page.get("Contents", []):
                name = found["Key"].removeprefix(folder.key)
                # Some programs put an empty object for a folder.
                if name and not (name.endswith("/") and found["Size"] == 0):
                    sizes[name] = found["Size"]
            if not page.get("IsTruncated"):
                return sizes
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def size(self, place, sha256=None):
        """Bytes of an object; `None` where there is none, or, with `sha256`, none that was put as that."""
        try:
            found = self._tried(place, lambda: self._s3.head_object(Bucket=place.bucket, Key=place.key))
        except LookupError:
            return None
        return found["ContentLength"] if sha256 in (None, found["Metadata"].get("sha256")) else None

    def fetch(self, place, path, size=None, sha256=None):
        """Into a file for its owner alone; returns its length and SHA-256, which are those that were expected, if any were."""

        def once():
            try:
                file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
                with open(file, "wb") as file:
                    return self._receive(place, size, sha256, file.write)
            except (botocore.exceptions.BotoCoreError, ConnectionError, TimeoutError):
                # Some of botocore's errors of the network are OSErrors too.
                raise
            except OSError as error:
                raise Failure(f"{place}: could not be written to {path}: {error.strerror}; give --scratch a folder with room for all of it") from error

        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        return self._there(place, once)

    def read(self, place, size=None, sha256=None):
        """The bytes of a small object."""

        def once():
            parts = []
            self._receive(place, size, sha256, parts.append)
            return b"".join(parts)

        return self._there(place, once)

    def put(self, place, source, sha256, size):
        """A file, or bytes, as one object, whole or not at all; whatever was there is replaced."""

        def once():
            body = source if isinstance(source, bytes) else open(source, "rb")
            try:
                where = {"Bucket": place.bucket, "Key": place.key}
                if size <= PART:
                    self._s3.put_object(**where, Body=body, ContentLength=size, Metadata={"sha256": sha256})
                else:
                    self._put_parts(where, body, sha256)
            finally:
                if body is not source:
                    body.close()

        self._there(place, once)
        self._count("put", size)

    def remove(self, place):
        self._tried(place, lambda: self._s3.delete_object(Bucket=place.bucket, Key=place.key))

    def _put_parts(self, where, body, sha256):
        begun = self._s3.create_multipart_upload(**where, Metadata={"sha256": sha256})
        upload = {**where, "UploadId": begun["UploadId"]}
        try:
            parts = []
            while chunk := body.read(PART):
                number = len(parts) + 1
                sent = self._tried(Place(where["Bucket"], where["Key"]), lambda: self._s3.upload_part(**upload, PartNumber=number, Body=chunk))
                parts.append({"PartNumber": number, "ETag": sent["ETag"]})
            self._s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        except BaseException:
            try:
                self._s3.abort_multipart_upload(**upload)
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                # Parts that never became an object; a rule of the bucket removes them.
                pass
            raise

    def _receive(self, place, size, sha256, write):
        answer = self._s3.get_object(Bucket=place.bucket, Key=place.key)
        promised, body = answer["ContentLength"], answer["Body"]
        digest, got, begun = hashlib.sha256(), 0, time.monotonic()
        allowed = self.stall_seconds + promised / SLOWEST_BYTES_PER_SECOND
        try:
            while chunk := body.read(CHUNK):
                digest.update(chunk)
                got += len(chunk)
                write(chunk)
                if self._stopped.is_set():
                    raise Failure(f"{place}: stopped")
                if time.monotonic() - begun > allowed:
                    raise Broken(f"stalled: {got} of {promised} bytes came in {allowed:.0f} s")
        finally:
            body.close()
        self._count("fetched", got)
        if got != promised or size not in (None, got):
            raise Broken(f"{got} bytes came where {promised if size is None else size} were expected")
        # What was put here says its hash by itself.
        for expected in (sha256, answer["Metadata"].get("sha256")):
            if expected not in (None, digest.hexdigest()):
                raise Broken(f"its SHA-256 is {digest.hexdigest()} where {expected} was expected")
        return got, digest.hexdigest()

    def _there(self, place, once):
        try:
            return self._tried(place, once)
        except LookupError as error:
            raise Failure(f"{place}: the store has no such object or bucket; was it removed, or is the URL another?") from error

    def _tried(self, place, once):
        """Until it is done. `LookupError` where there is nothing."""
        begun = time.monotonic()
        for number in range(self.tries):
            try:
                return once()
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, urllib3.exceptions.HTTPError, Broken, ConnectionError, TimeoutError) as error:
                problem, why = judge(place, error), error
            if number + 1 < self.tries:
                self._count("tried_again", 1)
                if self._stopped.wait(min(LONGEST_PAUSE, FIRST_PAUSE * 2**number) * random.uniform(0.5, 1)):
                    raise Failure(f"{place}: stopped") from why
        took = time.monotonic() - begun
        raise Failure(
            f"{place}: {problem} (the last of {self.tries} tries in {took:.0f} s); nothing that is done is lost: see to the store, and give the same command again"
        ) from why

    def _count(self, what, by):
        with self._lock:
            self.moved[what] += by


def judge(place, error):
    """What went wrong, in words, where the next try may go better; else raises."""
    if isinstance(error, botocore.exceptions.ClientError):
        code, status = error.response["Error"].get("Code", ""), error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
        text = f"the store answered {status} {code} to {error.operation_name}"
        if code in PASSING or status >= 500 or status == 0:
            return text
        if code in ABSENT:
            raise LookupError(str(place)) from error
        hint = "are the credentials in the environment, and what they may do in this bucket, right?" if status in (401, 403) else "see what the store says of it"
        raise Failure(f"{place}: {text}; {hint}") from error
    if isinstance(error, (botocore.exceptions.ParamValidationError, botocore.exceptions.NoCredentialsError, botocore.exceptions.PartialCredentialsError)):
        raise Failure(f"{place}: {error}") from error
    return str(error).rstrip(".") or type(error).__name__
