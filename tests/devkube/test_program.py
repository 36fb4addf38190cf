"""devkube as a program: what it is started with, its first line, and its end."""
import http.client
import signal
import subprocess

import pytest

import devkube as devkubelib


@pytest.fixture(scope="module")
def program():
    try:
        return devkubelib.binary()
    except devkubelib.Unavailable as why:
        pytest.skip(str(why))


@pytest.fixture
def token(tmp_path):
    file = tmp_path / "token"
    file.write_text("secret\n")
    return str(file)


def ask(port, path, method="GET", token="secret", body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, body, {"Authorization": f"Bearer {token}"})
    return connection, connection.getresponse()


def test_without_a_certificate_it_speaks_plain_http_and_ends_in_the_middle_of_a_watch(program, token):
    with subprocess.Popen([program, "--port", "0", "--token-file", token], stdout=subprocess.PIPE, text=True) as process:
        try:
            port = int(process.stdout.readline())
            connection, answer = ask(port, "/api/v1/namespaces/default/pods?watch=1")
            assert answer.status == 200
            _, other = ask(port, "/api/v1/namespaces/default/pods", token="wrong")
            assert other.status == 401
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == 0
            with pytest.raises(http.client.IncompleteRead):
                answer.read()
            connection.close()
        finally:
            process.kill()


@pytest.mark.parametrize("options,status,said", [
    ([], 2, "usage: devkube"),
    (["--token-file", "TOKEN", "--cert", "a"], 2, "usage: devkube"),
    (["--token-file", "TOKEN", "--colour", "red"], 2, "usage: devkube"),
    (["--token-file", "/no/such/file"], 1, "devkube: --token-file: "),
    (["--token-file", "/dev/null"], 1, "devkube: --token-file: /dev/null is empty"),
    (["--token-file", "TOKEN", "--port", "70000"], 1, 'devkube: --port: "70000" is not allowed: 0 to 65535'),
    (["--token-file", "TOKEN", "--host", "here"], 1, "devkube: 'here' is not a numeric address"),
    (["--token-file", "TOKEN", "--cert", "/no/cert", "--key", "/no/key"], 1, "devkube: certificate /no/cert: ")])
def test_what_is_wrong_is_said(program, token, options, status, said):
    options = [token if option == "TOKEN" else option for option in options]
    done = subprocess.run([program, *options], capture_output=True, text=True, timeout=10)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(said)
