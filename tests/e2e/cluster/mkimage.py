#!/usr/bin/python3
"""Makes a one-layer image archive from a folder, in the form of `docker save`, with no registry and no engine.

The archive depends only on the folder's content: same files, same image id. Every file belongs to root, so that a
container that runs as another user cannot change its own program.
"""
import argparse
import hashlib
import io
import json
import os
import platform
import tarfile

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
PATH = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


def layer_of(root: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(os.listdir(root)):
            tar.add(os.path.join(root, name), arcname=name, filter=anonymous)
    return buffer.getvalue()


def config_of(layer_digest: str, options: argparse.Namespace) -> bytes:
    return json.dumps({
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {"Entrypoint": options.entrypoint, "Cmd": options.command, "WorkingDir": "/", "User": options.user,
                   "Env": [PATH, *options.env]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
        "history": [{"created_by": "mkimage.py"}],
    }).encode()


def write_archive(path: str, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", help="the file to write")
    parser.add_argument("root", help="the folder that becomes the image's /")
    parser.add_argument("--tag", action="append", required=True, metavar="NAME:TAG", help="may be repeated")
    parser.add_argument("--entrypoint", action="append", help="one word of the entry point; may be repeated")
    parser.add_argument("--command", action="append", help="one word of the default arguments; may be repeated")
    parser.add_argument("--env", action="append", default=[], metavar="K=V")
    parser.add_argument("--user", default="65532:65532", metavar="UID:GID")
    options = parser.parse_args()

    layer = layer_of(options.root)
    layer_digest = hashlib.sha256(layer).hexdigest()
    config = config_of(layer_digest, options)
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    layer_name = f"{layer_digest}/layer.tar"
    manifest = [{"Config": config_name, "RepoTags": options.tag, "Layers": [layer_name]}]
    write_archive(options.archive, {
        config_name: config, layer_name: layer, "manifest.json": json.dumps(manifest).encode()})


if __name__ == "__main__":
    main()
