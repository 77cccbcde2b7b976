# SPDX-License-Identifier: Apache-2.0
"""A Redis that fails over: a master, a replica and three Sentinels, real processes in a test's folder."""
import os
import signal

import redis as redis_client

from support import Process, free_port, wait_until

CONF = """port {port}
bind 127.0.0.1
dir {folder}
sentinel monitor coko 127.0.0.1 {master} 2
sentinel down-after-milliseconds coko 1500
sentinel failover-timeout coko 3000
sentinel parallel-syncs coko 1
"""


class Sentinels:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True)
        self.servers, self.watchers = {}, []
        master = self.server()
        self.server("--replicaof", "127.0.0.1", master)
        self.ports = [self.watcher(master) for _ in range(3)]
        self.url = f"redis+sentinel://{','.join(f'127.0.0.1:{p}' for p in self.ports)}/coko/0"
        wait_until(self.settled, "the Sentinels to know each other and the replica", 30)

    def server(self, *args):
        port = free_port()
        self.servers[port] = Process(
            ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
             "--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0", "--dir", self.folder, *args],
            self.folder / f"redis-{port}.log")
        wait_until(lambda: self.answers(port), f"redis on {port}")
        return port

    def watcher(self, master):
        port = free_port()
        folder = self.folder / f"sentinel-{port}"
        folder.mkdir()
        conf = folder / "sentinel.conf"
        conf.write_text(CONF.format(port=port, folder=folder, master=master))
        self.watchers.append(Process(["redis-server", conf, "--sentinel"], folder / "log"))
        wait_until(lambda: self.answers(port), f"a Sentinel on {port}")
        return port

    @staticmethod
    def client(port):
        return redis_client.Redis(port=port, socket_timeout=2)

    def answers(self, port):
        try:
            return self.client(port).ping()
        except redis_client.RedisError:
            return False

    def settled(self):
        for port in self.ports:
            said = self.client(port).execute_command("SENTINEL", "MASTER", "coko")
            facts = said if isinstance(said, dict) else dict(zip(said[::2], said[1::2]))
            facts = {(k.decode() if isinstance(k, bytes) else k): v for k, v in facts.items()}
            if int(facts["num-other-sentinels"]) != 2 or int(facts["num-slaves"]) != 1:
                return False
        info = self.client(self.master()).info("replication")
        return info["connected_slaves"] == 1 and info["slave0"]["state"] == "online"

    def master(self):
        """The port that the first Sentinel names now."""
        return int(self.client(self.ports[0]).execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "coko")[1])

    def kill_master(self):
        """Kills it and returns its port; the Sentinels need about a second to name the other."""
        port = self.master()
        self.servers[port].signal(signal.SIGKILL)
        self.servers[port].wait()
        return port

    def stop(self):
        for one in [*self.watchers, *self.servers.values()]:
            if one.running():
                os.kill(one.pid, signal.SIGCONT)
                one.signal(signal.SIGKILL)
                one.wait()
