# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL with the schema of deploy/schema, for tests of SQL alone (no daemon, no build).

    server = Server(); url = server.database("name")   a migrated database, copied from a template
    server.drop(url); server.stop()
    make_mould(folder); Server(mould=folder)   one that has its template, copied as files

The server runs as an unprivileged user when root starts it, listens on a socket in its folder only, and
forgets its flushes: these tests are about rules, not about power cuts.
"""
import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2

TOP = Path(__file__).resolve().parents[2]
SCHEMA = TOP / "deploy/schema"
PG_BIN = Path("/usr/lib/postgresql/15/bin")


def _unprivileged():
    """Command prefix and user id for a server process that must not be root."""
    if os.geteuid() != 0:
        return [], None
    for name in ("postgres", "nobody"):
        try:
            return ["runuser", "-u", name, "--"], pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("no unprivileged user to run PostgreSQL")


def _room():
    """Where copies of a database cost half: in memory, if there is plenty. A thousand copies of 1,600 files each
    keep a disk's file system busier than the tests keep PostgreSQL."""
    shm = Path("/dev/shm")
    return shm if shm.is_dir() and shutil.disk_usage(shm).free > 8 << 30 else None


class Server:
    def __init__(self, mould=None):
        self.dir = Path(tempfile.mkdtemp(prefix="coko-sql-", dir=_room()))
        self.prefix, user = _unprivileged()
        if user:
            os.chown(self.dir, user.pw_uid, user.pw_gid)
        if mould:
            subprocess.run(["cp", "-a", "--reflink=auto", mould, self.dir / "data"], check=True)
        else:
            self._run("initdb", "-D", self.dir / "data", "-U", "coko", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        options = (f"-c listen_addresses='' -c unix_socket_directories={self.dir} -c fsync=off -c synchronous_commit=off "
                   "-c full_page_writes=off -c max_connections=120 -c deadlock_timeout=200ms -c jit=off "
                   "-c shared_preload_libraries=auto_explain -c log_min_messages=warning -c autovacuum=off")
        self._run("pg_ctl", "-D", self.dir / "data", "-l", self.dir / "log", "-w", "-o", options, "start")
        self.made, self.has_template = 0, bool(mould)
        # for all copies: a connection costs as much as the copy of a database
        self.admin = psycopg2.connect(self.url("postgres"))
        self.admin.autocommit = True

    def _run(self, tool, *args):
        done = subprocess.run([*self.prefix, str(PG_BIN / tool), *map(str, args)], capture_output=True, text=True, cwd="/", check=False)
        assert done.returncode == 0, f"{tool}: {done.stdout}{done.stderr}"

    def url(self, name):
        return f"postgresql:///{name}?host={self.dir}&user=coko"

    def empty(self, name):
        """A new database without anything."""
        self.execute(f"create database {name}")
        return self.url(name)

    def database(self, prefix="t"):
        """A migrated and seeded database of its own. Copied as files: through the WAL it would be written twice."""
        if not self.has_template:
            self.make_template()
        self.made += 1
        name = f"{prefix}_{self.made}"
        self.execute(f"create database {name} template coko_template strategy file_copy")
        return self.url(name)

    def make_template(self):
        migrate(self.empty("coko_template"))
        seed(self.url("coko_template"))
        self.has_template = True

    def drop(self, url):
        """At once: a thousand copies that wait for the end keep a slow disk busy under the tests beside."""
        self.execute(f"drop database {urlsplit(url).path[1:]} with (force)")

    def execute(self, statement):
        with self.admin.cursor() as cur:
            cur.execute(statement)

    def stop(self, how="immediate", keep=None):
        """keep: a folder that its data go to, whole if it ended fast."""
        self.admin.close()
        self._run("pg_ctl", "-D", self.dir / "data", "-m", how, "stop")
        if keep:
            subprocess.run(["cp", "-a", self.dir / "data", keep], check=True)
        shutil.rmtree(self.dir)


def make_mould(folder):
    server = Server()
    try:
        server.make_template()
    except BaseException:
        server.stop()
        raise
    server.stop("fast", folder)


def files():
    """The schema's files in the order of coko migrate."""
    return [*sorted(SCHEMA.glob("[0-9]*.sql")), *sorted(SCHEMA.glob("functions/**/*.sql"), key=str), *sorted(SCHEMA.glob("data/*.sql"))]


def migrate(url, again=False, check=False):
    """Applies the schema as coko migrate does: numbered files once, the others when they changed. Returns what it applied.

    again: pretend that every checksum of functions and data changed; check: let PostgreSQL check function bodies."""
    applied = []
    conn = psycopg2.connect(url)
    try:
        with conn.cursor() as cur:
            cur.execute("create table if not exists public.sqltest_file (path text primary key, checksum text not null)")
            conn.commit()
            for path in files():
                text = path.read_text()
                name, digest = str(path.relative_to(SCHEMA)), hashlib.sha256(text.encode()).hexdigest()
                cur.execute("select checksum from public.sqltest_file where path = %s", (name,))
                known = cur.fetchone()
                numbered = path.parent == SCHEMA
                if known and (known[0] == digest) and (numbered or not again):
                    continue
                assert not (known and numbered), f"{name} changed after it was applied"
                cur.execute(f"set local check_function_bodies = {'on' if check else 'off'}")
                try:
                    cur.execute(text)
                except psycopg2.Error as fault:
                    raise AssertionError(f"{name}: {fault}") from fault
                cur.execute("insert into public.sqltest_file values (%s, %s) on conflict (path) do update set checksum = excluded.checksum",
                            (name, digest))
                conn.commit()
                applied.append(name)
    finally:
        conn.close()
    return applied


TEMPLATES = {
    "pass_ending": "Coko : votre {plan} finit le {until}. Composez {dial}.",
    "receipt": "Coko : {plan} actif jusqu'au {until}. Payé : {amount}. Ref {ref}. Un seul paiement, sans renouvellement. STOP pour ne plus recevoir de SMS.",
    "wrong_codes": "Coko : trois codes faux, {amount} non payés.", "code_again": "Coko : code refusé pour {amount}.",
    "declined": "Coko : paiement de {amount} refusé, rien n'a été débité.",
    "refunded": "Coko : {amount} payés pour {plan} ont été rendus. Ref {ref}.",
    "refunded_credit": "Coko : {amount} payés pour {plan} sont rendus et gardés. Ref {ref}.",
    "expired": "Coko : la demande de {amount} a expiré, rien n'a été débité.",
    "unanswered": "Coko : pas encore de réponse pour votre paiement de {amount}.",
    "pending_review": "Coko : votre paiement de {amount} est en vérification. Ref {ref}.",
    "pay_link": "Coko : pour payer {amount}, ouvrez {link}",
    "receipt_book": "Coko : {title} est à vous pour toujours. Payé : {amount}. Ref {ref}.",
    "gift_sent": "Coko : {plan} offert à votre proche, fin {until}. Payé : {amount}. Ref {ref}.",
    "gift_received": "Coko : un proche vous offre {plan}, jusqu'au {until}. Composez {dial}.",
    "credited": "Coko : {amount} payés en double sont gardés pour votre prochain achat. Ref {ref}.",
    "renew_due": "Coko : {plan} finit le {until}. Renouveler pour {amount} : RENOUVELER ou {dial}.",
    "renew_ended": "Coko : {plan} est fini depuis le {until}. Reprendre pour {amount} : RENOUVELER ou {dial}.",
    "pay_started": "Coko : {plan}, {amount}. {hint}",
    "pass_status": "Coko : {plan} jusqu'au {until}.",
    "pass_none": "Coko : vous n'avez pas de pass. Composez {dial}.",
    "cancel_done": "Coko : pas de renouvellement. Votre pass reste jusqu'au {until}.",
    "auto_active": "Coko : {plan} se renouvelle seul, {amount} le {until}. RESILIER ou STOP.",
    "auto_due": "Coko : {plan} sera renouvelé le {until} : {amount}. RESILIER ou STOP.",
    "auto_failed": "Coko : {plan} pas renouvelé ({amount}). Nouvel essai le {until}.",
    "auto_asleep": "Coko : {plan} ne se renouvelle plus seul, rien n'est débité. {amount} : {dial}.",
    "auto_price": "Coko : {plan} coûte {amount} maintenant. {dial}.",
    "auto_ended": "Coko : {plan}, accord terminé. {amount} : {dial}.",
    "auto_refused": "Coko : pas d'accord, {plan} n'est pas renouvelé.",
    "auto_off": "Coko : plus de renouvellement automatique.",
    "receipt_auto": "Coko : {plan} renouvelé, fin {until}. Débité : {amount}. Ref {ref}. RESILIER ou STOP.",
    "trial_done": "Coko : {plan} jusqu'au {until}, sans rien payer.",
    "voucher_done": "Coko : {plan} jusqu'au {until} avec votre code. Composez {dial}.",
    "voucher_used": "Coko : ce code est déjà utilisé.",
    "voucher_over": "Coko : ce code n'est plus valable.",
    "voucher_unknown": "Coko : code inconnu.",
    "voucher_limited": "Coko : trop d'essais.",
    "recovery_code": "Coko : code de secours {recovery}. Gardez-le.",
    "number_moved": "Coko : votre pass est passé à votre nouveau numéro.",
    "number_here": "Coko : votre pass est sur ce numéro. Composez {dial}.",
    "move_asked": "Coko : autre numéro le {until} ? Répondez NON ou composez {dial}.",
    "move_kept": "Coko : rien ne change.",
    "family_invited": "Coko : un proche vous invite : {plan}. FAMILLE, NON ou {dial}.",
    "family_invited_dial": "Coko : un proche vous invite : {plan}. {code}.",
    "family_in": "Coko : vous lisez avec {plan} d'un proche. Composez {dial}.",
    "family_no": "Coko : c'est noté.",
    "family_joined": "Coko : ..{mark} lit maintenant avec {plan}.",
    "family_left": "Coko : ..{mark} ne lit plus avec votre pass.",
    "family_declined": "Coko : ..{mark} ne veut pas de place.",
    "family_removed": "Coko : un proche ne partage plus son pass.",
    "instalment_foot": "SUITE pour lire la suite",
    "stop_done": "Coko : vous ne recevrez plus nos SMS. START pour reprendre.",
    "start_done": "Coko : vos SMS reprennent.",
    "pause_done": "Coko : vos SMS sont en pause.",
    "menu": "Coko : composez {dial}.",
    "help": "Coko : SUITE, STOP, START.",
    "unknown_keyword": "Coko : nous n'avons pas compris.",
    "no_book": "Coko : pas de lecture en cours.",
    "locked": "Coko : la suite de {title} demande un pass.",
    "allowance": "Coko : quota atteint. Continuez {title} à l'écran.",
    "end_of_book": "Coko : vous avez fini {title}, bravo !",
    "otp": "Coko : votre code est {code}.",
    "sms_follows": "Coko : un SMS suivra.",
    "delivery_waiting": "Partie {part} : en attente",
    "delivery_on_the_way": "Partie {part} : en route",
    "delivery_delivered": "Partie {part} : livré {at}",
    "delivery_partial": "Partie {part} : incomplet",
    "delivery_failed": "Partie {part} : non livré",
    "delivery_cancelled": "Partie {part} : annulé",
}


def seed(url):
    """The sample's plans, prices and routes, and French texts of messages."""
    conn = psycopg2.connect(url)
    try:
        with conn.cursor() as cur:
            cur.execute((TOP / "deploy/sample/seed.sql").read_text())
            cur.executemany("insert into messaging.template values (%s, 'fr', %s)", TEMPLATES.items())
            cur.execute("insert into messaging.template values ('help', 'en', 'Coko: NEXT, STOP, START.')")
        conn.commit()
    finally:
        conn.close()
