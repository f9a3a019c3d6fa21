from pathlib import Path

from watchpost.fronts.aws.compatibility import page
from watchpost.fronts.aws.operation import AwsService
from watchpost.fronts.aws.services import Served, installed, names

DOCS = Path(__file__).resolve().parents[3] / "docs"


def nothing(server, call):
    del server, call


def test_the_page_in_the_documentation_is_current() -> None:
    # Make it again: python -m watchpost.fronts.aws.compatibility > docs/aws-compatibility.md
    assert (DOCS / "aws-compatibility.md").read_text() == page(installed().all)


def test_every_operation_of_a_model_stands_on_the_page_once() -> None:
    served = Served(
        AwsService("sts", {"GetCallerIdentity": nothing, "AssumeRole": nothing}, {"AssumeRole": "no policies"})
    )
    text = page([served])
    assert all(text.count(f"`{name}`") == 1 for name in served.model.operations)
    assert "| 1 | 1 | 9 | 11 |" in text
    assert "- `AssumeRole`: no policies.\n" in text


def test_services_are_the_modules_named_like_one_of_botocores() -> None:
    assert {"cloudwatch", "events", "logs", "sns", "sts"} <= set(names())
    assert not {"app", "model", "routing", "signature"} & set(names())


def test_every_service_knows_only_operations_of_its_model() -> None:
    for served in installed().all:
        assert served.service.operations.keys() <= served.model.operations.keys()
        assert all(sentence.strip() for sentence in served.service.partial.values())
