"""What the golden cases ask: messages for the chat template, pictures by name, and the template itself."""

LONG = ("Describe this image in as much detail as you can. Say which shapes there are, how large they are, what colour each "
        "of them has, and where they stand: in the upper left corner, in the middle, near the lower edge, or behind another "
        "one. Then read any text that you see, count the circles and the squares, and answer the question: is the larger "
        "circle above or below the smaller one? Do not guess; when something is not clear, say that it isn't. At the end "
        "write one short sentence that names the most important thing in the picture.\n\n1. shapes\n2. colours\n3. places\n"
        "4. text: \"hello world\", 12,345.67 and 2026-01-31\n\n\tThank you!  ")

UNICODE = ("Cafe\u0301 A\u030angstro\u0308m \u1e9b\u0323 \u03a9\u2126 na\u00efve \u0928\u093f \u0915\u094d\u0937 "
           "\u4f60\u597d\uff0c\u4e16\u754c\uff01 \u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8 \uac00\u1100\u1161 "
           "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u0645\u0631\u062d\u0628\u0627 "
           "\u0628\u0650\u0633\u0652\u0645\u0650 \u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd \u00bd \u2167 \u00a0\u3000x\ufb01")


def image(name):
    return {"type": "image", "image": name}


def text(t):
    return {"type": "text", "text": t}


def user(*parts):
    return {"role": "user", "content": list(parts)}


def golden_cases(exact):
    """name -> messages; exact: the picture that the model takes without resizing."""
    return {
        "exact": [user(image(exact), text("Describe this image."))],
        "wide": [user(image("wide"), text("What is in this picture?"))],
        "tall": [user(text("Look: "), image("tall"), text(" How many circles are there?"))],
        "two": [user(image("photo"), image("small"), text("What is not the same in these two?"))],
        "text": [{"role": "system", "content": [text("You answer in one sentence.")]}, user(text("  What is the colour of the sky?\n"))],
        "unicode": [user(text(UNICODE))],
        "long": [user(image("big"), text(LONG))],
        "chat": [user(image("photo"), text("What is this?")),
                 {"role": "assistant", "content": [text("A red circle and a blue square.")]},
                 user(text("And where is the circle?"))],
    }


# The chat format of the models for conversations of text and pictures without tools, thinking off by default.
CHAT_TEMPLATE = """\
{%- macro render(content) -%}
{%- if content is string -%}{{ content }}
{%- else -%}
{%- for part in content -%}
{%- if part.type == 'image' -%}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}
{%- else -%}{{ part.text }}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{%- endmacro -%}
{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\\n' + (render(message.content) | trim) + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\\n<think>\\n' -}}
{%- if not enable_thinking -%}{{- '\\n</think>\\n\\n' -}}{%- endif -%}
{%- endif -%}
"""
