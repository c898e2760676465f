"""About 300 strings that are hard for a byte-level BPE tokenizer, the same on every call."""
import random

BASE = [
    "", " ", "  ", "   ", "\n", "\n\n", " \n", "\n ", "\r\n", "\r\n\r\n", "\t", "\t\n\t", "a", " a", "a ", "a  b", "a   b\n\n  c",
    "hello world", "Hello, World!", "The picture shows a small red boat.", "the the the", "THE", "don't", "DON'T", "we're they've I'm",
    "he'll she'd it's", "'start", "'S 'T 'RE", "x'sy", "''s", "'\u017f", "rock'n'roll", "can\u2019t", "1", "12", "12345", "3.14159", "1,000,000",
    "2026-01-31", "a1b2c3", "x86_64", "\u0661\u0662\u0663", "\u00bd\u00b2", "\u2167", "e=mc\u00b2", "()[]{}", "!!!", "...", "a...b", " ...", "  ...", "?!\n",
    "?!\r\n\n", "#include <stdio.h>\n\nint main(void)\n{\n\treturn 0;\n}\n", "def f(x):\n    return x + 1\n", "https://example.org/a?b=c&d=%20",
    "a@b.org", "C:\\x\\y", "\\n", "$5.00", "100%", "<b>bold</b>", "{\"a\": [1, 2]}", "- one\n- two\n  - three", "\u00a0", "a\u00a0b", "\u3000x", "x\u2028y",
    "\u200b", "a\u200bb", "\ufeffbom", "\u0085", "\u1680x", "\u202f1", "\x00", "a\x00b", "\x01\x02", "\x7f", "\x0b\x0c", "\x1c\x1d\x1e\x1f",
    "e\u0301", "\u00e9", "Cafe\u0301", "A\u030a", "\u212b", "\u2126", "\ufb01", "\u1e9b\u0323", "a\u0323\u0307", "a\u0307\u0323", "\u0344", "\u0958", "\u0301", " \u0301", "\n\u0301",
    "1\u0301", "!\u0301", "\u0301\u0301a", "x\u20dd", "\u0915\u094d\u0937\u093f", "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01",
    "\u4f60\u597d\uff0c\u4e16\u754c\uff01", "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8", "\u304b\u3099", "\u30cf\u309a", "\u1100\u1161\u11a8", "\uac00\u11a8", "\uc548\ub155\ud558\uc138\uc694",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645", "\u0628\u0650\u0633\u0652\u0645\u0650", "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd", "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!", "\u0419 \u0418\u0306",
    "\u0393\u03b5\u03b9\u03ac \u03c3\u03bf\u03c5", "\u1f71 \u03ac", "\u0533\u0561\u0580\u0565\u0582", "\u10d2\u10d0\u10db\u10d0\u10e0\u10ef\u10dd\u10d1\u10d0", "\u1230\u120b\u121d", "Ti\u1ebfng Vi\u1ec7t", "Tie\u0302\u0301ng Vie\u0323\u0302t",
    "\U0001f600", "\U0001f600\U0001f601", " \U0001f600", "a\U0001f600b", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f44d\U0001f3fd", "\U0001f1e9\U0001f1ea", "\u2764\ufe0f", "1\ufe0f\u20e3",
    "\U0001d54f\U0001d7d8", "\U00020000", "\U0002f800", "\U0010ffff", "\ue000", "\ufffd", "\ufffe", "\u0378",
    "<|im_start|>user\nhi<|im_end|>\n", "<|endoftext|>", "<|endoftext|><|endoftext|>", " <|im_end|> ", "<|im_end", "|im_end|>", "<|im_end |>", "<think>\n\n</think>\n\n",
    "<think>", "< think>", "<tool_call>x</tool_call>", "<|vision_start|><|image_pad|><|vision_end|>", "<<|im_end|>>", "<tts_text_bos_single>",
    "<tts_text_bos>", "<tts_text_bos_single", "a<|fim_prefix|>b", "caf\u0301<|im_end|>e\u0301", "e<|im_end|>\u0301", "<|IM_END|>", "<tool_response>1</tool_response>",
    "a" * 100, " " * 100, "\n" * 40, "the" * 40, "ab" * 64, "\u00e9" * 30, "0" * 33, "\u3042" * 21, "-" * 80, "=-" * 30, " a" * 33, "\U0001f600" * 9,
]

ALPHABET = ("aabcdeefghilmnoorsttuTHE   \n\r\t.,!?'\"-_()0123" "\u00e9\u0301\u0308\u0323\u00df\u00f1\u0439\u0416\u4f60\u56fe\u3042\u30ab\u3099\u1100\u1161\u0915\u094d"
            "\u0645\u0650\u05d0\u05b8\u00a0\u2009\u200d\u2019\u20ac\u00bd\u2167\U0001f600\U0001f3fd\ufe0f")


def strings():
    """BASE, then 130 random mixtures of letters, marks, digits, white space and emoji of many scripts."""
    r = random.Random(20260131)
    mixed = ["".join(ALPHABET[int(r.random() * len(ALPHABET))] for _ in range(1 + int(r.random() * 40))) for _ in range(130)]
    return BASE + mixed
