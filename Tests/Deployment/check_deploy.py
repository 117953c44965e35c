#!/usr/bin/env python3
"""Checks that the files under deploy/ fit the program and each other.

    check_deploy.py --program orchestrate

- every command and option that they name is one of the program;
- what stops a worker waits longer than a request may take;
- exit statuses that they name are those of docs/exit-statuses.md;
- the secrets that they read are the ones that their comments make;
- the roles of the compose file get their passwords and no more rights than they need;
- the batch script puts the worker in the place of its shell, so that a signal reaches it.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "Tests", "DatabaseFaults"))

from cluster import Cluster  # noqa: E402

UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}
# For as long as a busy machine takes to start a shell.
PATIENCE = 60


def read(*names):
    with open(os.path.join(ROOT, *names), encoding="utf-8") as file:
        return file.read()


def seconds(text):
    found = re.fullmatch(r"(\d+)\s*([a-z]*)", text)
    return int(found[1]) * UNITS[found[2] or "s"]


class Checks:
    def __init__(self, program):
        self.program = program
        self.failures = []
        self.helps = {}

    def expect(self, holds, what):
        if not holds:
            self.failures.append(what)

    def help(self, command):
        if command not in self.helps:
            ran = subprocess.run([self.program, command, "--help"], capture_output=True, text=True)
            self.helps[command] = ran.stdout if ran.returncode == 0 and f"orchestrate {command}" in ran.stdout else None
        return self.helps[command]

    def command(self, file, words):
        """Checks that the program has a command with those options."""
        name = words[0]
        help = self.help(name)
        if help is None:
            return self.expect(False, f"{file}: the program has no command {name}")
        for word in words[1:]:
            if word.startswith("--"):
                option = word.split("=")[0]
                known = re.search(rf"(^|[ ,]){re.escape(option)}($|[ ,\n])", help, re.MULTILINE)
                self.expect(known, f"{file}: {name} has no option {option}")

    def drain(self, file, wait):
        limit = re.search(r"--timeout <\w+>.*?Default: (\w+)", self.help("submit"), re.DOTALL)
        self.expect(limit, "the help of submit does not say the default of --timeout")
        if limit:
            # Room for two: a run may have another limit.
            self.expect(wait >= 2 * seconds(limit[1]), f"{file}: {wait} s are too short for a request of {limit[1]}")

    def statuses(self, file, numbers):
        known = {int(number) for row in re.findall(r"^\| ([\d, ]+) \|", read("docs", "exit-statuses.md"), re.MULTILINE)
                 for number in re.findall(r"\d+", row)}
        for number in numbers:
            self.expect(number in known, f"{file}: docs/exit-statuses.md has no status {number}")

    def unit(self):
        file = "deploy/systemd/orchestrate-worker@.service"
        text = read(file)
        start = re.search(r"^ExecStart=\S+/orchestrate (.*)$", text, re.MULTILINE)
        self.command(file, start[1].split())
        self.drain(file, seconds(re.search(r"^TimeoutStopSec=(.*)$", text, re.MULTILINE)[1]))
        prevented = {int(each) for each in re.search(r"^RestartPreventExitStatus=(.*)$", text, re.MULTILINE)[1].split()}
        self.statuses(file, prevented)
        self.expect(not prevented & {5, 6}, f"{file}: a store that is away, or a run that was taken over, ends it for good")
        for credential in re.findall(r"%d/(\S+)", text):
            self.expect(f"LoadCredential={credential}:" in text, f"{file}: {credential} is not loaded")

    def kubernetes(self):
        objects = {}
        for name in ("worker", "submit"):
            text = read("deploy", "kubernetes", f"{name}.yaml")
            for each in yaml.safe_load_all(text):
                objects[each["kind"]] = (f"deploy/kubernetes/{name}.yaml", each)
        made = set(re.findall(r"--from-(?:file|literal)=([^=\s]+)=", read("deploy", "kubernetes", "worker.yaml")))
        for kind in ("Deployment", "Job"):
            file, each = objects[kind]
            pod = each["spec"]["template"]["spec"]
            [container] = pod["containers"]
            self.command(file, container["args"])
            self.expect(container["securityContext"]["readOnlyRootFilesystem"], f"{file}: the root can be written")
            mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
            volumes = {volume["name"]: volume for volume in pod["volumes"]}
            self.expect(set(mounts.values()) == set(volumes), f"{file}: volumes and mounts differ")
            for variable in container["env"]:
                source = variable.get("valueFrom", {})
                if "secretKeyRef" in source:
                    key = source["secretKeyRef"]["key"]
                    self.expect(key in made, f"{file}: the secret has no {key}")
                if "configMapKeyRef" in source:
                    key = source["configMapKeyRef"]["key"]
                    self.expect(key in objects["ConfigMap"][1]["data"], f"{file}: the config map has no {key}")
            for volume in volumes.values():
                for item in volume.get("secret", {}).get("items", []):
                    self.expect(item["key"] in made, f"{file}: the secret has no {item['key']}")
            paths = [word for word in container["args"] if word.startswith("/")]
            paths += re.findall(r"sslrootcert=(\S+)", objects["ConfigMap"][1]["data"]["database"])
            for path in paths:
                self.expect(os.path.dirname(path) in mounts, f"{file}: nothing is mounted for {path}")
        file, deployment = objects["Deployment"]
        pod = deployment["spec"]["template"]["spec"]
        self.drain(file, pod["terminationGracePeriodSeconds"])
        [container] = pod["containers"]
        port = container["args"][container["args"].index("--health-port") + 1]
        probe = container["readinessProbe"]["httpGet"]
        self.expect(container["livenessProbe"]["tcpSocket"]["port"] == probe["port"], f"{file}: the probes ask two ports")
        [named] = [each for each in container["ports"] if each["name"] == probe["port"]]
        self.expect(str(named["containerPort"]) == port, f"{file}: the probe asks another port than {port}")
        self.expect(probe["path"] == "/healthz", f"{file}: the probe asks for {probe['path']}")
        self.expect(
            deployment["spec"]["selector"]["matchLabels"].items()
            <= deployment["spec"]["template"]["metadata"]["labels"].items(),
            f"{file}: the selector finds other pods",
        )
        file, job = objects["Job"]
        for rule in job["spec"]["podFailurePolicy"]["rules"]:
            self.statuses(file, rule["onExitCodes"]["values"])

    def compose(self):
        file = "deploy/compose/compose.yaml"
        services = yaml.safe_load(read(file))["services"]
        for name, service in services.items():
            if service["image"].startswith("orchestrate"):
                self.command(file, service["command"])
                self.expect(service["read_only"], f"{file}: the root of {name} can be written")
        workers = [service for service in services.values() if service.get("command", [""])[0] == "worker"]
        self.expect(len(workers) == 2, f"{file}: there are {len(workers)} workers")
        for worker in workers:
            self.drain(file, seconds(worker["stop_grace_period"]))
        for volume in services["database"]["volumes"]:
            if volume.startswith("."):
                path = os.path.normpath(os.path.join(ROOT, "deploy", "compose", volume.split(":")[0]))
                self.expect(os.path.exists(path), f"{file}: there is no {path}")
        roles = re.findall(r"postgresql://(\w+)@", read(file))
        for role in roles:
            self.expect(f"CREATE ROLE {role} " in read("deploy", "roles.sql"), f"{file}: nobody makes the role {role}")
            self.expect(f"ALTER ROLE {role} " in read("deploy", "compose", "roles.sh"), f"{file}: {role} gets no password")

    def batch(self):
        file = "deploy/slurm/worker.sbatch"
        text = read(file)
        self.drain(file, int(re.search(r"^#SBATCH --signal=B:TERM@(\d+)$", text, re.MULTILINE)[1]))
        words = re.search(r"^exec orchestrate (.*)$", text, re.MULTILINE)[1]
        self.command(file, words.split())
        with tempfile.TemporaryDirectory() as folder:
            # Says how it was started, and ends when it gets the signal.
            with open(os.path.join(folder, "orchestrate"), "w", encoding="utf-8") as program:
                program.write(
                    "#!/bin/bash\ntrap 'echo drained; exit 0' TERM\n"
                    'printf "%s\\n" "$*" "$ORCHESTRATE_DB" "$XDG_STATE_HOME" ready\n'
                    "while :; do read -r -t 0.1 _ <> <(:) || true; done\n"
                )
            os.chmod(program.name, 0o755)
            environment = {
                "PATH": f"{folder}:/usr/bin:/bin",
                "HOME": folder,
                "TMPDIR": folder,
                "SLURM_JOB_ID": "17",
            }
            script = os.path.join(ROOT, file)
            refused = subprocess.run(["bash", script], env=environment, capture_output=True, text=True)
            self.expect(
                refused.returncode != 0 and "ORCHESTRATE_DB" in refused.stderr, f"{file}: runs without ORCHESTRATE_DB"
            )
            environment["ORCHESTRATE_DB"] = "postgresql://w@db/orchestrate"
            started = subprocess.Popen(["bash", script], env=environment, stdout=subprocess.PIPE, text=True)
            said = [started.stdout.readline().strip() for _ in range(4)]
            self.expect(
                said
                == [
                    f"worker --api-key-file {folder}/.config/orchestrate/key --idle-exit 10m",
                    environment["ORCHESTRATE_DB"],
                    f"{folder}/orchestrate-17",
                    "ready",
                ],
                f"{file}: starts the worker with {said}",
            )
            started.send_signal(signal.SIGTERM)
            rest, _ = started.communicate(timeout=PATIENCE)
            self.expect(rest.strip() == "drained" and started.returncode == 0, f"{file}: the worker gets no signal")


    def roles(self):
        """What the image of PostgreSQL runs once, beside a server."""
        file = "deploy/compose/roles.sh"
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            cluster = Cluster(os.path.join(folder, "server"))
            cluster.start()
            try:
                script = read(file).replace("/roles.sql", os.path.join(ROOT, "deploy", "roles.sql"))
                passwords = {"OWNER_PASSWORD": "it's", "WORKER_PASSWORD": 'a "b"'}
                environment = {"PATH": os.environ["PATH"], "PGHOST": cluster.sockets, "POSTGRES_USER": "postgres"}
                ran = subprocess.run(
                    ["sh", "-c", script], env={**environment, **passwords}, capture_output=True, text=True
                )
                self.expect(ran.returncode == 0, f"{file}: {ran.stderr}")
                found = cluster.sql("SELECT count(rolpassword) FROM pg_authid WHERE rolname LIKE 'orchestrate_%'")
                self.expect(found == "2", f"{file}: {found} of 2 roles have a password")
                address = "postgresql://orchestrate_owner@/orchestrate"
                made = subprocess.run(
                    [self.program, "migrate", "--db", address],
                    env={**environment, "HOME": folder},
                    capture_output=True,
                    text=True,
                )
                self.expect(made.returncode == 0, f"deploy/roles.sql: the owner cannot make tables: {made.stderr}")
                rights = "SELECT string_agg(DISTINCT privilege_type, ' ' ORDER BY privilege_type) FROM information_schema"
                found = cluster.sql(
                    f"{rights}.role_table_grants WHERE grantee = 'orchestrate_worker'", "orchestrate"
                )
                self.expect(found == "DELETE INSERT SELECT UPDATE", f"deploy/roles.sql: a worker may {found}")
                found = cluster.sql(
                    "SELECT has_schema_privilege('orchestrate_worker', 'public', 'CREATE')", "orchestrate"
                )
                self.expect(found == "f", "deploy/roles.sql: a worker may make tables")
            finally:
                cluster.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="orchestrate")
    checks = Checks(os.path.abspath(parser.parse_args().program))
    for check in (checks.unit, checks.kubernetes, checks.compose, checks.batch, checks.roles):
        check()
    if checks.failures:
        sys.exit("\n".join(checks.failures))
    print("the files under deploy/ fit the program")


if __name__ == "__main__":
    main()
