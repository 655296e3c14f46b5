"""Sets up the environment .venv and opens the dashboard: `python start.py`, the same on Linux, macOS and Windows.

Standard library only, and no syntax newer than Python 3.0, so that an old Python gets a sentence and not a traceback.
"""

import sys

OLDEST = (3, 11)

if sys.version_info < OLDEST:
    sys.exit(
        "HViT needs Python %d.%d or newer and this is %d.%d; install one from python.org and run it with start.py."
        % (OLDEST + tuple(sys.version_info[:2]))
    )

import argparse
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import webbrowser

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "Scripts", "python.exe") if os.name == "nt" else os.path.join(VENV, "bin", "python")
RUNNING, TESTING = "requirements.txt", "requirements-test.txt"
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
SMALLEST_DISK_GB = 2.5
HOST, FIRST_PORT, LAST_PORT = "127.0.0.1", 8501, 8599
EVERY_HOST = "0.0.0.0"
CODE_VARIABLE = "HVIT_PHONE_CODE"  # read by app/access_control.py
CODE_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without letters and digits that look alike


class SetUpError(Exception):
    """Something the person at the keyboard can put right; one sentence."""


def stamp_path(requirements):
    return os.path.join(VENV, requirements + ".sha256")


def fingerprint(requirements):
    """Changes with the pins and with the Python that made the environment."""
    with open(os.path.join(ROOT, requirements), "rb") as file:
        return hashlib.sha256(file.read() + sys.version.encode()).hexdigest()


def is_installed(requirements):
    """Whether these exact pins were installed before, told by a stamp: this is what makes a second start quick."""
    if not (os.path.exists(PYTHON) and os.path.exists(stamp_path(requirements))):
        return False
    with open(stamp_path(requirements)) as file:
        return file.read() == fingerprint(requirements)


def download_size(cpu):
    """Gigabytes to download and on disk with these pins; wheels of torch with CUDA are most of the larger numbers."""
    return (3.1, 8) if sys.platform.startswith("linux") and not cpu else (0.5, SMALLEST_DISK_GB)


def make_environment():
    """Creates .venv, or makes it anew where it does not answer."""
    if os.path.exists(PYTHON) and run_quietly([PYTHON, "-m", "pip", "--version"]):
        return
    if subprocess.call([sys.executable, "-m", "venv", "--clear", VENV]):
        raise SetUpError("could not make .venv; on Debian and Ubuntu first run: sudo apt-get install python3-venv")


def run_quietly(command):
    try:
        return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def set_up(wanted, cpu):
    """Installs the requirement files of `wanted` that are not installed yet."""
    missing = [name for name in wanted if not is_installed(name)]
    if not missing:
        return
    download, disk = download_size(cpu)
    if RUNNING in missing:
        say(
            "First start: setting up .venv. Up to %.1f GB to download and %.1f GB on disk; 2 to 15 minutes, once."
            % (download, disk)
        )
        if download > 1 and not shutil.which("nvidia-smi"):
            say("No Nvidia card was found. To download 0.5 GB only, stop with Ctrl+C and run: python start.py --cpu")
        free = shutil.disk_usage(ROOT).free / 1e9
        if free < SMALLEST_DISK_GB:
            raise SetUpError("only %.1f GB are free on this disk; make room for %.1f GB and start again" % (free, disk))
    else:
        say("Installing the tools for tests: about 0.1 GB, a minute.")
    began = time.time()
    make_environment()
    if RUNNING in missing and cpu:
        pins = [line for line in read_lines(RUNNING) if line.startswith(("torch==", "torchvision=="))]
        install(pins + ["--index-url", CPU_WHEELS], "torch for the CPU")
    for name in missing:
        install(["-r", os.path.join(ROOT, name)], name)
        with open(stamp_path(name), "w") as file:
            file.write(fingerprint(name))
    say("Set up in %.0f s." % (time.time() - began))


def read_lines(name):
    with open(os.path.join(ROOT, name)) as file:
        return file.read().splitlines()


def install(arguments, what):
    say("Installing %s. Unpacking at the end takes a minute or two without a sign." % what)
    command = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-warn-script-location"]
    if subprocess.call(command + arguments):
        raise SetUpError("could not install %s (the reason is above); check the connection and start again" % what)


def new_code():
    """A code that lets one phone in: 8 characters, `kd7m-2xqp`."""
    drawn = "".join(secrets.choice(CODE_ALPHABET) for _ in range(8))
    return drawn[:4] + "-" + drawn[4:]


def lan_address():
    """The address of this computer in its own network; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("10.255.255.254", 9))  # only chooses the network card: UDP sends nothing on connecting
            return probe.getsockname()[0]
        except OSError:
            pass
    try:
        found = socket.gethostbyname_ex(socket.gethostname())[2]
    except OSError:
        found = []
    found = [address for address in found if not address.startswith("127.")]
    if not found:
        raise SetUpError("this computer is in no network; join the Wi-Fi of the phone and start again")
    return found[0]


def is_free(port):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name != "nt":  # elsewhere this lets a port that was closed a second ago be used again
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def choose_port(asked):
    """The port asked for, or the first free one."""
    if asked is not None:
        if not is_free(asked):
            raise SetUpError("port %d is in use; choose another: python start.py --port %d" % (asked, asked + 1))
        return asked
    for port in range(FIRST_PORT, LAST_PORT + 1):
        if is_free(port):
            if port != FIRST_PORT:
                say("Port %d is in use, perhaps by another dashboard; using %d." % (FIRST_PORT, port))
            return port
    raise SetUpError("ports %d to %d are all in use; choose another with --port" % (FIRST_PORT, LAST_PORT))


def serve(port, browser, photos=None, lan=None):
    """Runs the dashboard until it is stopped; returns its exit code.

    photos: a folder with the photos of runs, or None.
    lan: address of this computer in its network, to serve phones there too, each after a one-time code; or None.
    """
    command = [PYTHON, "-m", "streamlit", "run", os.path.join(ROOT, "app", "main.py")]
    # headless: streamlit would ask for an e-mail address and open its own browser before the server answers
    host = EVERY_HOST if lan else HOST
    command += ["--server.address", host, "--server.port", str(port), "--server.headless", "true"]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    known = dict(os.environ)
    known.pop(CODE_VARIABLE, None)
    code = new_code()
    if photos:
        known["HVIT_PHOTOS"] = os.path.abspath(photos)
    if lan:
        known[CODE_VARIABLE] = code
    dashboard = subprocess.Popen(command, cwd=ROOT, env=known)
    try:
        while dashboard.poll() is None and not answers(port):
            time.sleep(0.1)
        if dashboard.poll() is None:
            say("HViT is open at http://%s:%d - stop it with Ctrl+C." % (HOST, port))
            if lan:
                say("On a phone in the same network open http://%s:%d and type the code %s" % (lan, port, code))
                say("The code works once; the next one is shown here. Photos given there come to this computer.")
            if browser:
                webbrowser.open("http://%s:%d" % (HOST, port))
        return dashboard.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        dashboard.terminate()
        dashboard.wait()


def answers(port):
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def has_screen():
    """Whether somebody sits in front of this machine: a terminal and, on Linux, a graphical session."""
    graphical = not sys.platform.startswith("linux") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(sys.stdout.isatty() and graphical)


def say(sentence):
    print(sentence)
    sys.stdout.flush()


def port_number(text):
    port = int(text)
    if not 1 <= port <= 65535:
        raise ValueError
    return port


port_number.__name__ = "port, 1 to 65535,"  # argparse names the type in its message


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description="Sets up HViT and opens its dashboard.",
        epilog="examples: python start.py | python start.py --port 8600 --no-browser | python start.py --lan",
    )
    parser.add_argument("--port", type=port_number, help="port to serve at (default: first free one from 8501)")
    parser.add_argument("--photos", metavar="DIR", help="your copy of the photos of a run that ships without them")
    parser.add_argument("--cpu", action="store_true", help="install the CPU wheels of torch: smaller, no Nvidia card")
    parser.add_argument("--lan", action="store_true", help="also serve phones in this network, after a one-time code")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument("--set-up", action="store_true", help="only set up the environment")
    parser.add_argument("--tests", action="store_true", help="with --set-up: also install what tests need")
    options = parser.parse_args(arguments)
    if options.tests and not options.set_up:
        parser.error("--tests goes with --set-up")
    if options.lan and options.set_up:
        parser.error("--lan does not go with --set-up, which serves nothing")
    if options.photos and not os.path.isdir(options.photos):
        parser.error("--photos: there is no folder %s" % options.photos)
    try:
        set_up([RUNNING, TESTING] if options.tests else [RUNNING], options.cpu)
        if options.set_up:
            return 0
        lan = lan_address() if options.lan else None
        return serve(choose_port(options.port), has_screen() and not options.no_browser, options.photos, lan)
    except SetUpError as error:
        sys.stderr.write("start.py: %s\n" % error)
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped; start again to go on.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
