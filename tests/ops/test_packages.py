# SPDX-License-Identifier: Apache-2.0
"""Installing packages changes nothing else on the machine: services are kept from starting while apt
runs, and what was there before is there afterwards, also after a failure or a killed run. apt-get is
a stand-in that looks around while it "installs"."""
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
APT = """#!/bin/bash
case " $* " in
*" install "*)
    cp "$AT_POLICY" "$SEEN/policy"; cp "$AT_CLUSTER" "$SEEN/cluster"; touch "$SEEN/now"
    [ ! -e "$SEEN/hang" ] || sleep 30
    exit "$APT_EXIT" ;;
esac
"""


@pytest.fixture
def machine(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/apt-get").write_text(APT)
    (tmp_path / "bin/apt-get").chmod(0o755)
    return tmp_path


def install(machine, apt_exit=0, background=False):
    policy, cluster = machine / "policy-rc.d", machine / "etc/createcluster.conf"
    env = {**os.environ, "PATH": f"{machine}/bin:{os.environ['PATH']}", "AT_POLICY": str(policy),
           "AT_CLUSTER": str(cluster), "SEEN": str(machine), "APT_EXIT": str(apt_exit)}
    script = f'. "{TOP}/deploy/lib/setup.sh"; exec bash -c "$(install_script)" install "$@"'
    child = subprocess.Popen(["bash", "-c", script, "x", str(policy), str(cluster), "some-package"],
                             env=env, start_new_session=True)
    if not background:
        child.wait(20)
    return child, policy, cluster


@pytest.mark.parametrize("apt_exit", [0, 100])
@pytest.mark.parametrize("before", [None, "#!/bin/sh\nexit 0\n"])
def test_services_stay_down_and_all_is_restored(machine, before, apt_exit):
    (machine / "etc").mkdir()
    if before:
        (machine / "policy-rc.d").write_text(before)
        (machine / "etc/createcluster.conf").write_text("create_main_cluster = true\n")
    child, policy, cluster = install(machine, apt_exit)
    assert child.returncode == apt_exit
    assert (machine / "policy").read_text().endswith("exit 101\n")
    assert "create_main_cluster = false" in (machine / "cluster").read_text()
    assert (policy.read_text() if before else policy.exists()) == (before or False)
    if before:
        assert cluster.read_text() == "create_main_cluster = true\n"
    else:
        assert not cluster.exists() or "false" not in cluster.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_run_is_cleaned_up(machine, number):
    """SIGTERM restores at once, SIGKILL at the next run."""
    (machine / "policy-rc.d").write_text("#!/bin/sh\nexit 0\n")
    (machine / "hang").touch()
    child, policy, _cluster = install(machine, background=True)
    end = time.monotonic() + 10
    while not (machine / "now").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    os.killpg(child.pid, number)
    child.wait(20)
    if number == signal.SIGKILL:
        assert "exit 101" in policy.read_text()
        (machine / "hang").unlink()
        install(machine)
    assert policy.read_text() == "#!/bin/sh\nexit 0\n"


def test_only_what_is_missing_is_asked_for():
    out = subprocess.run(
        ["bash", "-c", f'. "{TOP}/deploy/lib/setup.sh"; packages_of() {{ echo bash no-such-thing; }};'
         " missing_packages build"], capture_output=True, text=True, check=True).stdout
    assert out == "no-such-thing\n"
