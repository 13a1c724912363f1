"""Prompts as models want them."""

from __future__ import annotations

import pytest

from edge.engine.process.frames import RequestError
from edge.engine.worker.chat_template import ChatTemplate

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How much oil?"}]

CHATML = """\
{%- for message in messages %}
<|im_start|>{{ message['role'] }}
{{ message['content'] }}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}
<|im_start|>assistant
{% endif %}"""


def test_a_template_is_rendered_up_to_the_answer() -> None:
    assert ChatTemplate(CHATML).render(MESSAGES) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHow much oil?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_without_a_template_the_layout_is_plain() -> None:
    assert ChatTemplate(None).render(MESSAGES) == "Be brief.\n\nHow much oil?\n\nAnswer:"


def test_templates_may_print_the_ends() -> None:
    assert ChatTemplate("{{ bos_token }}hi{{ eos_token }}", "<s>", "</s>").render(MESSAGES) == "<s>hi</s>"


def test_a_model_without_a_system_role_gets_the_instructions_from_the_user() -> None:
    source = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        "{% for m in messages %}{{ m.role }}: {{ m.content }}{% endfor %}"
    )
    assert ChatTemplate(source).render(MESSAGES) == "user: Be brief.\n\nHow much oil?"


def test_instructions_that_would_move_to_the_last_message_stay_at_the_beginning() -> None:
    source = (
        "{% set system = messages[0].content if messages[0].role == 'system' %}"
        "{% for m in messages if m.role != 'system' %}[{{ m.role }}]"
        "{{ system ~ '|' if loop.last and system }}{{ m.content }}{% endfor %}"
    )
    turns = [{"role": "assistant", "content": "4 l."}, {"role": "user", "content": "Which?"}]
    template = ChatTemplate(source)
    assert template.render(MESSAGES) == "[user]Be brief.|How much oil?"
    assert (
        template.render([*MESSAGES, *turns]) == "[user]Be brief.\n\nHow much oil?[assistant]4 l.[user]Which?"
    )


def test_marks_for_training_change_nothing() -> None:
    assert ChatTemplate("a{% generation %}b{% endgeneration %}c").render(MESSAGES) == "abc"


def test_thinking_is_switched_off_where_a_model_has_it() -> None:
    assert ChatTemplate("{{ 'quick' if enable_thinking is false else 'slow' }}").render(MESSAGES) == "quick"


@pytest.mark.parametrize(
    "source",
    [
        "{{ raise_exception('no') }}",
        "{{ messages[9].content }}",
        "{{ 1 / 0 }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    ],
)
def test_a_template_that_fails_is_an_error(source: str) -> None:
    with pytest.raises(RequestError, match="failed"):
        ChatTemplate(source).render(MESSAGES)


def test_a_broken_template_is_an_error() -> None:
    with pytest.raises(RequestError, match="broken"):
        ChatTemplate("{% for %}")
