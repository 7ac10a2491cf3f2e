"""Checks real answers against an openapi.yaml: python3-yaml and python3-jsonschema.

    api = OpenApi("agent/openapi.yaml")
    api.check("GET", "/v1/status", 200, "application/json", body)    # None, or what is wrong
"""
import json
import re

import jsonschema
import yaml


class OpenApi:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.document = yaml.safe_load(file)
        self.paths = [(re.compile("^%s$" % self.pattern(template)), template, item)
                      for template, item in self.document["paths"].items()]
        self.seen = set()

    @staticmethod
    def pattern(template):
        """A parameter is one segment; the last one of a path may hold encoded slashes, which are no slashes yet."""
        return re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(template))

    def operation(self, method, path):
        path = path.split("?", 1)[0]
        for pattern, template, item in self.paths:
            if pattern.match(path):
                return template, item.get("get" if method == "HEAD" else method.lower())
        return None, None

    def resolve(self, node):
        while isinstance(node, dict) and "$ref" in node:
            name = node["$ref"]
            node = self.document
            for part in name.lstrip("#/").split("/"):
                node = node[part]
        return node

    def validator(self, schema):
        """References in schemas point into the whole document, so it goes along."""
        return jsonschema.Draft202012Validator(dict(schema, components=self.document["components"]))

    def problem(self, body):
        return self.schema_fault({"$ref": "#/components/schemas/Problem"}, body)

    def schema_fault(self, schema, body):
        try:
            value = json.loads(body)
        except ValueError as error:
            return "not JSON: %s" % error
        faults = sorted(self.validator(schema).iter_errors(value), key=lambda fault: list(map(str, fault.path)))
        return "; ".join("%s: %s" % ("/".join(map(str, fault.path)) or "the body", fault.message[:300])
                         for fault in faults[:5]) or None

    def check(self, method, path, status, content_type, body):
        """What is wrong with an answer, None if nothing is."""
        content_type = (content_type or "").split(";")[0]
        template, operation = self.operation(method, path)
        if operation is None:
            # a path or method that is not there: only a refusal can be the answer
            return self.problem(body) if 400 <= status < 500 else "not in openapi.yaml: %s %s" % (method, path)
        responses = operation["responses"]
        response = self.resolve(responses.get(str(status), responses.get("default")))
        if str(status) not in responses and status < 400:
            return "status %d is not in openapi.yaml" % status
        self.seen.add((method, template, status))
        content = response.get("content", {})
        if method == "HEAD" or not content:
            return "a body where there is none to be" if body else None
        if content_type not in content:
            return "content type %s, not one of %s" % (content_type, ", ".join(content))
        if "json" not in content_type:
            return None
        return self.schema_fault(content[content_type]["schema"], body)

    def check_event(self, data):
        """What is wrong with the data of a server-sent event."""
        return self.schema_fault({"$ref": "#/components/schemas/Event"}, data)

    def operations(self):
        """Every (method, path template) there is."""
        return [(method.upper(), template) for _, template, item in self.paths
                for method in item if method in ("get", "put", "post", "patch", "delete")]


class CheckedApi:
    """Requests through the harness whose answers are all checked; `faults` gathers what did not fit."""

    def __init__(self, openapi, request):
        self.openapi = openapi
        self.request = request
        self.faults = []

    def __call__(self, address, method, path, *arguments, **named):
        answer = self.request(address, method, path, *arguments, **named)
        fault = self.openapi.check(method, path, answer.status, answer.headers.get("content-type"), answer.body)
        if fault:
            self.faults.append("%s %s -> %d: %s" % (method, path, answer.status, fault))
        return answer
