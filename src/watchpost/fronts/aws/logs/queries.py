"""Operations of Logs Insights."""

from collections.abc import Mapping
from typing import Any

from watchpost.errors import Refused
from watchpost.fronts.aws.logs.groups import actor, named_group
from watchpost.fronts.aws.operation import Call, Operation
from watchpost.logs.records import QueryDefinition
from watchpost.logs.tokens import page_token, read_token
from watchpost.service.logs.documents import group_name
from watchpost.service.logs.groups import milliseconds
from watchpost.service.logs.queries import QueryRecord
from watchpost.service.server import Server

Answer = Mapping[str, Any]
_PAGE = 1000
# Later than this (the year 5138 in seconds) a time is meant in milliseconds, which AWS takes too.
_SECONDS_END = 10**11


def _check_language(call: Call) -> None:
    language = call.input.get("queryLanguage", "CWLI")
    if language != "CWLI":
        raise Refused(
            "InvalidParameterException", f"queryLanguage {language} is not supported here: write the query in CWLI."
        )


def _groups(call: Call) -> tuple[str, ...]:
    name, names = call.input.get("logGroupName"), call.input.get("logGroupNames")
    identifiers = call.input.get("logGroupIdentifiers")
    given = [each for each in ([name] if name else None, names, identifiers) if each]
    if len(given) != 1:
        raise Refused(
            "InvalidParameterException", "Exactly one of logGroupName, logGroupNames and logGroupIdentifiers is needed."
        )
    return tuple(dict.fromkeys(group_name(each) for each in given[0]))


def start_query(server: Server, call: Call) -> Answer:
    """StartQuery."""
    _check_language(call)
    start, end = call.input["startTime"], call.input["endTime"]
    id_ = server.logs.queries.start(
        call.input["queryString"],
        _groups(call),
        start if start >= _SECONDS_END else start * 1000,
        # The last second is wholly included.
        end if end >= _SECONDS_END else end * 1000 + 999,
        call.input.get("limit"),
        call.now,
    )
    return {"queryId": id_}


def get_query_results(server: Server, call: Call) -> Answer:
    """GetQueryResults."""
    record = server.logs.queries.record(call.input["queryId"])
    rows = server.logs.queries.rows(record.id) if record.status == "Complete" else []
    token = call.input.get("nextToken")
    first = 0 if not token else _row(token)
    end = first + (call.input.get("maxItems") or len(rows) or 1)
    answer: dict[str, Any] = {
        "queryLanguage": "CWLI",
        "status": record.status,
        "results": [[{"field": name, "value": value} for name, value in row] for row in rows[first:end]],
        "statistics": {
            "recordsMatched": float(record.matched),
            "recordsScanned": float(record.scanned),
            "estimatedRecordsSkipped": 0.0,
            "bytesScanned": float(record.bytes),
            "estimatedBytesSkipped": 0.0,
            "logGroupsScanned": float(len(record.groups)),
            "resultCount": float(len(rows)),
        },
    }
    return answer | ({"nextToken": page_token(str(end))} if end < len(rows) else {})


def _row(token: str) -> int:
    place = read_token(token)
    if not place.isdigit():
        raise Refused("InvalidParameterException", "The specified nextToken is invalid.")
    return int(place)


def stop_query(server: Server, call: Call) -> Answer:
    """StopQuery."""
    server.logs.queries.stop(call.input["queryId"], call.now)
    return {"success": True}


def describe_queries(server: Server, call: Call) -> Answer:
    """DescribeQueries."""
    if call.input.get("queryLanguage", "CWLI") != "CWLI":
        return {"queries": []}
    records, token = server.logs.queries.records(
        call.input.get("logGroupName"),
        call.input.get("status"),
        call.input.get("nextToken"),
        call.input.get("maxResults", _PAGE),
    )
    return {"queries": [_query(each) for each in records]} | ({"nextToken": token} if token else {})


def _query(record: QueryRecord) -> Answer:
    answer: dict[str, Any] = {
        "queryLanguage": "CWLI",
        "queryId": record.id,
        "queryString": record.text,
        "status": record.status,
        "createTime": record.created,
        "logGroupName": record.groups[0],
        "bytesScanned": float(record.bytes),
    }
    return answer | ({"queryDuration": record.ended - record.created} if record.ended is not None else {})


def list_log_groups_for_query(server: Server, call: Call) -> Answer:
    """ListLogGroupsForQuery."""
    return {"logGroupIdentifiers": list(server.logs.queries.record(call.input["queryId"]).groups)}


def get_log_record(server: Server, call: Call) -> Answer:
    """GetLogRecord."""
    return {"logRecord": server.logs.fields.event(call.input["logRecordPointer"], milliseconds(call.now))}


def get_log_group_fields(server: Server, call: Call) -> Answer:
    """GetLogGroupFields."""
    time = call.input.get("time")
    if time is not None and time < _SECONDS_END:
        time *= 1000
    found = server.logs.fields.of_group(named_group(call), time, milliseconds(call.now))
    return {"logGroupFields": [{"name": name, "percent": percent} for name, percent in found.items()]}


def put_query_definition(server: Server, call: Call) -> Answer:
    """PutQueryDefinition."""
    _check_language(call)
    parameters = tuple(
        (each["name"], each.get("defaultValue"), each.get("description")) for each in call.input.get("parameters") or ()
    )
    id_ = server.logs.library.put(
        call.input.get("queryDefinitionId"),
        call.input["name"],
        call.input["queryString"],
        call.input.get("logGroupNames") or (),
        parameters,
        call.now,
        actor(call),
    )
    return {"queryDefinitionId": id_}


def describe_query_definitions(server: Server, call: Call) -> Answer:
    """DescribeQueryDefinitions."""
    if call.input.get("queryLanguage", "CWLI") != "CWLI":
        return {"queryDefinitions": []}
    found, token = server.logs.library.describe(
        call.input.get("queryDefinitionNamePrefix", ""),
        call.input.get("nextToken"),
        call.input.get("maxResults", _PAGE),
    )
    return {"queryDefinitions": [_definition(each) for each in found]} | ({"nextToken": token} if token else {})


def _definition(found: QueryDefinition) -> Answer:
    answer: dict[str, Any] = {
        "queryLanguage": "CWLI",
        "queryDefinitionId": found.id,
        "name": found.name,
        "queryString": found.text,
        "lastModified": found.modified,
        "logGroupNames": list(found.groups),
    }
    if found.parameters:
        named = [
            {"name": name, "defaultValue": default, "description": description}
            for name, default, description in found.parameters
        ]
        answer["parameters"] = [{key: value for key, value in each.items() if value is not None} for each in named]
    return answer


def delete_query_definition(server: Server, call: Call) -> Answer:
    """DeleteQueryDefinition."""
    server.logs.library.delete(call.input["queryDefinitionId"], call.now, actor(call))
    return {"success": True}


OPERATIONS: dict[str, Operation] = {
    "StartQuery": start_query,
    "GetQueryResults": get_query_results,
    "StopQuery": stop_query,
    "DescribeQueries": describe_queries,
    "ListLogGroupsForQuery": list_log_groups_for_query,
    "GetLogRecord": get_log_record,
    "GetLogGroupFields": get_log_group_fields,
    "PutQueryDefinition": put_query_definition,
    "DescribeQueryDefinitions": describe_query_definitions,
    "DeleteQueryDefinition": delete_query_definition,
}

PARTIAL = {
    "StartQuery": "The languages SQL and PPL and the commands pattern, diff, unnest, anomaly, lookup, unmask, "
    "filterIndex, join and SOURCE are refused by name.",
    "GetQueryResults": "No rows before the query is complete; results are kept for a day.",
    "PutQueryDefinition": "parameters are kept and given back, but StartQuery fills none in.",
}
