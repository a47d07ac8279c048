#!/usr/bin/env python3
"""clang-tidy on the sources that changed against the main branch.

    tools/clang_tidy.py [--all | FILE...]      with the flags of the preset `dev`

A file that passed is not looked at again until it or one of the rules changes.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
OUT = ROOT / "build/tidy"
TIDY = "clang-tidy-14"


def git(*arguments):
    result = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return result.stdout.split() if result.returncode == 0 else []


def wanted(arguments):
    if arguments == ["--all"]:
        return git("ls-files", "--", "src/*.cc")
    if arguments:
        return arguments
    base = (git("merge-base", "HEAD", "origin/main") or git("rev-parse", "HEAD"))[0]
    changed = git("diff", "--name-only", "--diff-filter=d", base, "--", "src/*.cc")
    return sorted({*changed, *git("ls-files", "--others", "--exclude-standard", "--", "src/*.cc")})


def plain_flags(command):
    """The flags of a g++ command that clang knows, with the header behind its precompiled header in place of that."""
    words = shlex.split(command)
    flags, skip = [], False
    for i, word in enumerate(words):
        if skip:
            skip = False
        elif word == "-include" and words[i + 1].endswith("cmake_pch.hxx"):
            header = pathlib.Path(words[i + 1])
            copy = OUT / ("pch-" + hashlib.sha256(str(header).encode()).hexdigest()[:12] + ".hxx")
            if header.exists():
                shutil.copyfile(header, copy)
                flags += ["-include", str(copy)]
            skip = True
        elif word == "-o":
            skip = True
        elif not word.startswith(("-fsanitize", "-fno-sanitize", "-Wno-error=", "-Winvalid-pch", "-fpch-")) and word != "-Werror":
            flags.append(word)
    return flags


def write_commands():
    """A compile_commands.json that clang understands, each source on its own; the sources that it knows."""
    folder = OUT / "dev"
    subprocess.run(["cmake", "--preset", "dev", "-B", folder, "-DCMAKE_UNITY_BUILD=OFF"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    entries = json.loads((folder / "compile_commands.json").read_text())
    plain = []
    for entry in entries:
        words = plain_flags(entry["command"])
        compiler = next(i for i, word in enumerate(words) if word.endswith("g++"))
        plain.append({"directory": entry["directory"], "file": entry["file"], "arguments": words[compiler:]})
    (OUT / "compile_commands.json").write_text(json.dumps(plain))
    return {entry["file"] for entry in plain}


def stamp_of(file):
    content = (ROOT / file).read_bytes() + (ROOT / ".clang-tidy").read_bytes()
    return OUT / ("passed-" + hashlib.sha256(content).hexdigest()[:32])


def look_at(file):
    result = subprocess.run([TIDY, "--quiet", "-p", str(OUT), str(ROOT / file)], cwd=ROOT, capture_output=True, text=True)
    if result.returncode == 0:
        stamp_of(file).touch()
        return ""
    return result.stdout or result.stderr


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    known = write_commands()
    files = [file for file in wanted(sys.argv[1:]) if str(ROOT / file) in known and not stamp_of(file).exists()]
    print(f"==> clang-tidy: {len(files)} changed files", flush=True)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for findings in pool.map(look_at, files):
            if findings:
                failed += 1
                print(findings, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
