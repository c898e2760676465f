#!/usr/bin/env python3
"""Tests of the galago command: what a person types, what comes out, with which exit status.

    test_cli.py BUILD

Uses the demo model in models/demo. Needs only Python's standard library. Each check counts; the last line is
"cli: N passed, N failed".
"""
import base64
import ctypes
import http.server
import json
import os
import pty
import re
import resource
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))
BUILD = os.path.join(ROOT, sys.argv[1] if len(sys.argv) > 1 else 'build')
GALAGO = os.path.join(BUILD, 'galago')
SAMPLES = os.path.join(ROOT, 'models', 'demo', 'samples')
passed = failed = 0


def check(condition, what):
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        frame = sys._getframe(1)
        print(f'{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}: {what}')


# Time limits end what hangs: on a busy machine everything takes several times what it takes alone.
def run(*args, stdin=b'', timeout=900, **kw):
    """(exit status, standard output, standard error) of one call."""
    p = subprocess.run([GALAGO, *args], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, cwd=ROOT, **kw)
    return p.returncode, p.stdout.decode('utf-8', 'replace'), p.stderr.decode('utf-8', 'replace')


def expect(status, args, *, out=None, err=None, **kw):
    """Runs and checks status and, as regular expressions, outputs."""
    s, o, e = run(*args, **kw)
    shown = ' '.join(args)[:100]
    check(s == status, f'galago {shown}: exit status {s}, expected {status}: {e.strip()[:200]}')
    if out is not None:
        check(re.search(out, o), f'galago {shown}: output {o[:200]!r} does not match {out!r}')
    if err is not None:
        check(re.search(err, e), f'galago {shown}: error {e[:300]!r} does not match {err!r}')
    return o, e


def png(width, height, rows=None):
    """A PNG file; `rows` are bytes of RGB rows, grey when not given."""
    raw = b''.join(b'\0' + (rows[y] if rows else b'\x80' * (3 * width)) for y in range(height))
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)) +
            chunk(b'IDAT', zlib.compress(raw)) + chunk(b'IEND', b''))


def without_privileges():
    """In the child: root too must have the right to a file (CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH are given away for what it executes)."""
    if os.geteuid() == 0:
        for capability in (1, 2):
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


tmp = tempfile.mkdtemp(prefix='galago-cli-')
def path(name, data=None):
    p = os.path.join(tmp, name)
    if data is not None:
        with open(p, 'wb') as f:
            f.write(data)
    return p


PICTURE = sorted(os.path.join(SAMPLES, f) for f in os.listdir(SAMPLES) if f.endswith('.png'))[0]
with open(PICTURE, 'rb') as f:
    PICTURE_BYTES = f.read()
ANSWER = None


def test_help():
    status, out, err = run()
    check(status == 1 and 'Usage' in out, 'without a command: help and status 1')
    expect(0, ['--help'], out='describe.*\n.*ask')
    expect(0, ['--version'], out=r'^galago \d+\.\d+\.\d+\n$')
    commands = ['describe', 'ask', 'ocr', 'chat', 'run', 'bench', 'eval', 'inspect', 'convert', 'tokenize']
    with open(os.path.join(ROOT, 'docs', 'galago.1')) as f:
        manual = f.read().replace('\\-', '-')
    for c in commands:
        out, _ = expect(0, [c, '--help'], out=r'Usage: galago ' + c)
        check('Examples' in out and f'galago {c}' in out.split('Examples')[1], f'{c} --help has examples')
        check(max(map(len, out.splitlines())) <= 110, f'{c} --help fits the screen')
        check(not re.search(r' $', out, re.M), f'{c} --help has no blanks at the ends of lines')
        for option in re.findall(r'(--[a-z0-9-]+)', out.split('Examples')[0]):
            check(option in manual, f'{option} of {c} is in the manual page')
    expect(0, ['help', 'ocr'], out='Usage: galago ocr')


def test_usage():
    expect(1, ['paint'], err='no command "paint"')
    expect(1, ['describe'], err='which picture')
    expect(1, ['describe', '--colour', PICTURE], err='no option --colour')
    expect(1, ['describe', '--reps', '3', PICTURE], err='--reps does not belong')
    expect(1, ['describe', PICTURE, '--seed'], err='--seed needs a value')
    expect(1, ['describe', PICTURE, '--json=yes'], err='takes no value')
    expect(1, ['describe', PICTURE, '--max-tokens', 'many'], err='not a whole number')
    expect(1, ['describe', PICTURE, '--max-tokens', '0'], err='not between')
    expect(1, ['describe', PICTURE, '--max-tokens', '-5'], err='not a whole number')
    expect(1, ['describe', PICTURE, '--top-p', '1.5'], err='not between 0 and 1')
    expect(1, ['describe', PICTURE, '--temperature', 'nan'], err='not a number')
    expect(1, ['describe', PICTURE, '--temperature', '-1'], err='not between')
    expect(1, ['describe', PICTURE, '--device', 'tpu'], err='auto, cpu or gpu')
    expect(1, ['describe', PICTURE, '--dtype', 'q9'], err='as-is, f32')
    expect(1, ['ask', PICTURE], err='then the question')
    expect(1, ['ask', PICTURE, PICTURE], err='the question comes last')
    expect(2, ['ask', PICTURE, ' '], err='the question is empty')
    expect(1, ['describe', PICTURE, '--logprobs', '3'], err='needs --json')
    expect(1, ['run'], err='needs --prompt')
    expect(1, ['run', 'hello'], err='--prompt')
    expect(1, ['run', '--prompt', 'x', '--messages', 'y'], err='whole conversation')
    expect(1, ['run', '--raw', '--system', 's', '--prompt', 'x'], err='already rendered')
    expect(1, ['eval'], err='items.jsonl')
    expect(1, ['convert', 'demo'], err='needs the source and the name')
    expect(1, ['convert', 'demo', 'x.bin'], err='must end in .gguf')
    expect(1, ['tokenize', '--decode'], err='needs ids')
    expect(1, ['tokenize', '--decode', 'abc'], err='not an id')
    expect(1, ['inspect', 'a', 'b'], err='one model')
    expect(1, ['bench', 'demo'], err='--model')
    expect(1, ['describe', PICTURE, '--stop', ''], err='empty')


def test_describe():
    global ANSWER
    out, err = expect(0, ['describe', PICTURE], out=r'^\S.*\n$')
    check(err == '', f'nothing on standard error without a terminal: {err!r}')
    ANSWER = out
    j = json.loads(expect(0, ['describe', '--json', PICTURE])[0])
    check(j['text'].strip() == ANSWER.strip(), 'the same words with --json')
    for key in ['model', 'device', 'text', 'finish_reason', 'prompt_tokens', 'completion_tokens', 'token_ids', 'timings', 'memory']:
        check(key in j, f'--json has {key}')
    for key in ['load_ms', 'image_ms', 'vision_ms', 'prefill_ms', 'first_token_ms', 'decode_ms', 'decode_tok_s']:
        check(isinstance(j['timings'].get(key), (int, float)), f'timings has {key}')
    check(j['memory']['weights_bytes'] > 0 and j['memory']['peak_bytes'] > 0, 'memory figures')
    check(j['finish_reason'] == 'stop' and len(j['token_ids']) == j['completion_tokens'], 'finish reason and ids')
    out, _ = expect(0, ['describe', '--json', PICTURE, PICTURE])
    check(len(out.splitlines()) == 2, 'one object a picture')
    out, _ = expect(0, ['describe', PICTURE, PICTURE])
    check(out.count(PICTURE + ':') == 2, 'names before the answers of several pictures')
    out, _ = expect(2, ['describe', '/nonexistent.png', PICTURE], err='/nonexistent.png')
    check(ANSWER.strip() in out, 'the other pictures are described though one cannot be read')
    for isa in ['ref', 'auto']:
        out, _ = expect(0, ['describe', '--cpu-isa', isa, PICTURE])
        check(out == ANSWER, f'the same words with --cpu-isa {isa}')
    out, _ = expect(0, ['describe', '--threads', '1', '--ctx', '1024', '--device', 'cpu', '-q', '-m', 'demo', PICTURE])
    check(out == ANSWER, 'the same words on one thread')
    expect(0, ['describe', '--max-pixels', '16384', '--min-pixels', '1024', PICTURE], out=r'\S')
    expect(2, ['describe', '--max-pixels', '10', '--min-pixels', '5000', PICTURE], err='pixels')
    expect(0, ['describe', '--system', 'Be brief.', '--prompt', 'What is this?', PICTURE], out=r'\S')
    expect(0, ['ocr', PICTURE], out=r'.')
    expect(0, ['ask', PICTURE, PICTURE, 'Is this the same picture?', '--max-tokens', '8'], out=r'.')


def test_sources():
    for name, args, data in [('-', ['-'], PICTURE_BYTES),
                             ('data: base64', ['data:image/png;base64,' + base64.b64encode(PICTURE_BYTES).decode()], b''),
                             ('data: percent', ['data:image/png,' + ''.join('%%%02x' % b for b in PICTURE_BYTES)], b'')]:
        if len(args[0]) > 100000:  # the system limits one argument
            continue
        out, _ = expect(0, ['describe', *args], stdin=data)
        check(out == ANSWER, f'the same words from {name}')
    expect(2, ['describe', 'data:image/png;base64'], err='comma')
    expect(2, ['describe', 'data:;base64,@@@'], err='base64')
    expect(2, ['describe', 'data:,%zz'], err='escape')
    expect(2, ['describe', '-'], err='standard input')

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == '/ok.png':
                self.send_response(200)
                self.send_header('Content-Length', str(len(PICTURE_BYTES)))
                self.end_headers()
                self.wfile.write(PICTURE_BYTES)
            elif self.path == '/moved':
                self.send_response(302)
                self.send_header('Location', '/ok.png')
                self.end_headers()
            elif self.path == '/loop':
                self.send_response(302)
                self.send_header('Location', '/loop')
                self.end_headers()
            elif self.path == '/file':
                self.send_response(302)
                self.send_header('Location', 'file:///etc/passwd')
                self.end_headers()
            elif self.path == '/short':
                self.send_response(200)
                self.send_header('Content-Length', str(len(PICTURE_BYTES)))
                self.end_headers()
                self.wfile.write(PICTURE_BYTES[:100])
            else:
                self.send_error(404)
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f'http://127.0.0.1:{server.server_port}'
    _, _, err = run('describe', base + '/ok.png')
    if 'no libcurl' in err:
        check(True, 'built without libcurl, and says so')
    else:
        check(expect(0, ['describe', base + '/ok.png'])[0] == ANSWER, 'the same words from the web')
        check(expect(0, ['describe', base + '/moved'])[0] == ANSWER, 'redirects are followed')
        expect(2, ['describe', base + '/loop'], err='redirect')
        expect(2, ['describe', base + '/file'], err='file')
        expect(2, ['describe', base + '/none'], err='404')
        expect(2, ['describe', base + '/short'], err=r'\S')
        expect(2, ['describe', 'http://127.0.0.1:1/x.png'], err='127.0.0.1')
    server.shutdown()


def test_bad_pictures():
    expect(2, ['describe', path('empty.png', b'')], err=r'empty\.png.*empty')
    expect(2, ['describe', path('text.png', b'hello, I am text')], err='text.png')
    expect(2, ['describe', path('cut.png', PICTURE_BYTES[:len(PICTURE_BYTES) // 2])], err='cut.png')
    expect(2, ['describe', tmp], err='regular file')
    expect(2, ['describe', path('thin.png', png(1, 5000))], err=r'thin\.png.*200')
    out, err = expect(2, ['describe', path('thin.png'), PICTURE], err=r'thin\.png.*200')
    check(ANSWER.strip() in out, 'the other pictures are described though one is too narrow')
    _, err = expect(2, ['describe', 'data:image/png;base64,' + base64.b64encode(png(1, 5000)).decode()], err='^galago: data: URL: .*200')
    expect(0, ['describe', path('one.png', png(1, 1)), '--max-tokens', '4'], out='.')
    huge = bytearray(png(1, 1))
    huge[16:24] = struct.pack('>II', 30000, 30000)
    huge[29:33] = struct.pack('>I', zlib.crc32(bytes(huge[12:29])))
    expect(2, ['describe', path('huge.png', bytes(huge))], err='30,?000')
    secret = path('secret.png', PICTURE_BYTES)
    os.chmod(secret, 0)
    expect(2, ['describe', secret], err=r'secret\.png.*ermission', preexec_fn=without_privileges)
    locked = path('locked')
    os.mkdir(locked, 0o500)
    expect(2, ['convert', 'demo', os.path.join(locked, 'x.gguf')], err=r'locked/.*ermission', preexec_fn=without_privileges)
    os.chmod(locked, 0)
    expect(2, ['run', '-m', os.path.join(locked, 'x.gguf'), '--prompt', 'x'], err=r'locked/.*ermission', preexec_fn=without_privileges)
    os.chmod(locked, 0o700)


def test_sampling():
    base = ['describe', PICTURE, '--max-tokens', '12']
    a = expect(0, base + ['--temperature', '1.5', '--seed', '7'])[0]
    check(a == expect(0, base + ['--temperature', '1.5', '--seed', '7'])[0], 'same seed, same words')
    others = {run(*base, '--temperature', '1.5', '--seed', str(i))[1] for i in range(6)}
    check(len(others) > 1, 'other seeds, other words')
    greedy = expect(0, base)[0]
    for options in (['--temperature', '1', '--top-k', '1'], ['--temperature', '1', '--top-p', '0.0001'], ['--temperature', '1', '--min-p', '1']):
        check(expect(0, base + options + ['--seed', '3'])[0] == greedy, f'{options} leaves the likeliest token only')
    for options in (['--repetition-penalty', '1.3'], ['--presence-penalty', '2'], ['--frequency-penalty', '2']):
        expect(0, base + options, out='.')
    j = json.loads(expect(0, ['describe', PICTURE, '--json', '--max-tokens', '3', '--logprobs', '4'])[0])
    check(j['finish_reason'] == 'length' and j['completion_tokens'] == 3, '--max-tokens ends the answer')
    check(len(j['logprobs']) == 3 and all(len(x) == 4 for x in j['logprobs']), '--logprobs 4')
    check(all(x[0][0] == i and x[0][1] <= 0 and x[0][1] >= x[1][1] for x, i in zip(j['logprobs'], j['token_ids'])),
          'greedy ids are the best logprobs')
    j = json.loads(expect(0, ['describe', PICTURE, '--json', '--ignore-eos', '--max-tokens', '60'])[0])
    check(j['completion_tokens'] == 60 and j['finish_reason'] == 'length', '--ignore-eos goes on')
    word = ANSWER.split()[1]
    out = expect(0, ['describe', PICTURE, '--stop', word])[0]
    check(word not in out and ANSWER.startswith(out.strip()), f'--stop {word}: {out!r}')
    expect(0, ['describe', PICTURE, '--think', '--max-tokens', '5'], out='.')


def test_run():
    check(expect(0, ['run', '--image', PICTURE, '--prompt', 'Describe this image.'])[0] == ANSWER, 'run is describe')
    raw = ('<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>Describe this image.<|im_end|>\n'
           '<|im_start|>assistant\n<think>\n\n</think>\n\n')
    check(expect(0, ['run', '--raw', '--image', PICTURE, '--prompt', raw])[0] == ANSWER, '--raw is describe')
    expect(2, ['run', '--raw', '--prompt', raw], err='1 image placeholder.*0 images')
    url = 'data:image/png;base64,' + base64.b64encode(PICTURE_BYTES).decode()
    conversations = [
        [{'role': 'user', 'content': [{'type': 'image_url', 'image_url': {'url': url}}, {'type': 'text', 'text': 'Describe this image.'}]}],
        {'messages': [{'role': 'user', 'content': [{'type': 'image', 'image': 'file://' + PICTURE},
                                                   {'type': 'text', 'text': 'Describe this image.'}]}]},
    ]
    for i, c in enumerate(conversations):
        f = path(f'messages{i}.json', json.dumps(c).encode())
        check(expect(0, ['run', '--messages', f])[0] == ANSWER, f'messages {i} is describe')
    check(expect(0, ['run', '--messages', '-'], stdin=json.dumps(conversations[0]).encode())[0] == ANSWER, 'messages from standard input')
    for bad, message in [(b'', 'JSON'), (b'[]', 'no messages'), (b'[{"role":"cook","content":"x"}]', 'cook'), (b'[{"role":"user"}]', 'content'),
                         (b'[{"role":"user","content":[{"type":"video"}]}]', 'video'), (b'{"messages":[', 'byte'),
                         (b'[{"role":"assistant","content":"x"}]', 'user'),
                         (b'[{"role":"user","content":"x"},{"role":"system","content":"y"},{"role":"user","content":"z"}]', 'system')]:
        expect(2, ['run', '--messages', path('bad.json', bad)], err=message)
    expect(2, ['run', '--prompt', 'word ' * 1000, '--ctx', '512'], err='--ctx')
    expect(2, ['run', '--prompt', 'word ' * 5000], err='at most 4096')
    expect(2, ['run', '--prompt', ''], err='empty')
    expect(2, ['run', '--prompt', 'x', '--image', 'none.jpg'], err='none.jpg')


def test_models():
    expect(2, ['describe', '-m', '/nonexistent', PICTURE], err='/nonexistent')
    expect(2, ['describe', '-m', path('bad.gguf', b'GGUF' + bytes(60)), PICTURE], err='bad.gguf')
    expect(2, ['describe', '-m', path('note.gguf', b'not a model'), PICTURE], err='note.gguf')
    expect(2, ['describe', '-m', 'synthetic:gpt', PICTURE], err='synthetic')
    expect(2, ['describe', '--device', 'gpu', PICTURE], err='GPU')
    expect(2, ['describe', '--device', 'gpu', '--gpu-library', path('none.so', b'no library'), PICTURE], err='none.so')
    expect(0, ['describe', '--gpu-library', '/nonexistent.so', '--max-tokens', '2', PICTURE], err='on the CPU: GPU library: /nonexistent.so')
    expect(0, ['describe', '--gpu-library', '/nonexistent.so', '--max-tokens', '2', '--device', 'cpu', PICTURE], err=r'^$')
    expect(2, ['describe', '--cpu-isa', 'neon', PICTURE], err='neon')
    demo = sorted(f for f in os.listdir(os.path.join(ROOT, 'models', 'demo')) if f.endswith('.gguf') and 'mmproj' not in f)[0]
    demo = os.path.join(ROOT, 'models', 'demo', demo)
    with open(demo, 'rb') as f:
        data = f.read()
    expect(2, ['run', '-m', path('cut.gguf', data[:len(data) // 2]), '--prompt', 'x'], err=r'cut\.gguf')
    check(expect(0, ['describe', '-m', demo, PICTURE])[0] == ANSWER, 'the demo model by its path')
    out, _ = expect(0, ['inspect', 'demo'], out='qwen3_5')
    check('token_embd.weight' in out and 'vision' in out, 'inspect shows tensors')
    j = json.loads(expect(0, ['inspect', '--json', 'demo'])[0])
    check(j['parameters'] > 1e6 and len(j['tensors']) > 50 and j['config']['memory'], 'inspect --json')
    # Quantised on the way from a folder with safetensors, less of it with fewer bits.
    tiny = os.path.join('tests', 'data', 'golden', 'tiny-a')
    sizes = []
    for dtype in ['f32', 'f16', 'as-is', 'q8_0', 'q4_0']:
        j = json.loads(expect(0, ['run', '-m', tiny, '--dtype', dtype, '--json', '--prompt', 'x', '--max-tokens', '4', '--ignore-eos'])[0])
        sizes.append(j['memory']['weights_bytes'])
    check(sizes[0] > sizes[1] == sizes[2] > sizes[3] > sizes[4], f'bytes of the weights as f32, f16, as they are, q8_0, q4_0: {sizes}')
    # Weights that give no numbers are an internal fault.
    broken = path('no-numbers')
    shutil.copytree(os.path.join(ROOT, tiny), broken, ignore=shutil.ignore_patterns('cases'))
    with open(os.path.join(broken, 'model.safetensors'), 'r+b') as f:
        size = struct.unpack('<Q', f.read(8))[0]
        norm = json.loads(f.read(size))['model.language_model.norm.weight']
        f.seek(8 + size + norm['data_offsets'][0])
        f.write(b'\xff' * (norm['data_offsets'][1] - norm['data_offsets'][0]))
    expect(4, ['run', '-m', broken, '--prompt', 'x'], err='holds no number')
    # A limit on the address space stands for a small machine: an error, no crash.
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (150 << 20, 150 << 20))
    status, _, err = run('run', '-m', 'synthetic:qwen3.5-0.8b', '--prompt', 'x', preexec_fn=limit)
    check(status == 3 and 'memory' in err, f'not enough memory: status {status}, {err!r}')


def test_convert():
    out = path('small.gguf')
    expect(0, ['convert', 'demo', out, '--dtype', 'q8_0'], err='written')
    check(os.path.exists(out) and os.path.exists(path('mmproj-small.gguf')), 'convert writes a pair')
    expect(0, ['describe', '-m', out, PICTURE], out='.')
    for dtype in ['f32', 'f16', 'bf16', 'q4_0', 'q4_1', 'q4_k', 'q5_k', 'q6_k']:
        expect(0, ['convert', 'demo', path(dtype + '.gguf'), '--dtype', dtype, '--quiet'])
        expect(0, ['describe', '-m', path(dtype + '.gguf'), '--mmproj', path(f'mmproj-{dtype}.gguf'), PICTURE, '--max-tokens', '6'], out='.')
    expect(2, ['convert', 'demo', path('x.gguf'), '--dtype', 'q3_k'], err='q3_k')
    check(not os.path.exists(path('x.gguf')), 'a refused conversion leaves nothing')
    expect(2, ['convert', '/nonexistent', path('x.gguf')], err='/nonexistent')
    expect(2, ['convert', 'demo', path('no/such/folder/x.gguf')], err='no/such/folder')
    expect(0, ['convert', 'demo', path('nomtp.gguf'), '--no-mtp', '--embed-dtype', 'f16', '--vision-dtype', 'f32', '--json'], out='written')
    # A full disk, by a limit on the size of files.
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = set(os.listdir(tmp))
    status, _, err = run('convert', 'demo', path('full.gguf'), '--dtype', 'f32', preexec_fn=limit)
    check(status == 2 and 'full.gguf' in err, f'a full disk: status {status}, {err!r}')
    check(set(os.listdir(tmp)) == before, f'a full disk leaves nothing behind: {set(os.listdir(tmp)) - before}')


def test_tokenize():
    out, _ = expect(0, ['tokenize', 'Two', 'cats.'], out=r'^\d+( \d+)*\n$')
    check(expect(0, ['tokenize', '--decode', *out.split()])[0] == 'Two cats.\n', 'there and back')
    check(expect(0, ['tokenize'], stdin=b'Two cats.')[0] == out, 'from standard input')
    j = json.loads(expect(0, ['tokenize', '--json', 'Two cats.'])[0])
    check(j['ids'] == [int(x) for x in out.split()] and j['count'] == len(j['ids']), '--json')
    pieces, _ = expect(0, ['tokenize', '--pieces', 'Two cats.'])
    check(''.join(json.loads(l.split(None, 1)[1]) for l in pieces.splitlines()) == 'Two cats.', '--pieces')
    plain, raw = expect(0, ['tokenize', '<|im_end|>'])[0].split(), expect(0, ['tokenize', '--raw', '<|im_end|>'])[0].split()
    check(len(raw) == 1 and len(plain) > 1, 'control tokens are read with --raw only')
    check(expect(0, ['tokenize', ''])[0].strip() == '', 'empty text')
    expect(2, ['tokenize', '--decode', '5', '99999999'], err='99999999: the vocabulary has the ids 0 to')


def test_eval():
    folder = os.path.join(tmp, 'set')
    os.mkdir(folder)
    shutil.copy(PICTURE, os.path.join(folder, 'a.png'))
    items = [
        {'image': 'a.png', 'task': 'right', 'prompt': 'Describe this image.', 'answer': ANSWER.strip().upper()},
        {'image': 'a.png', 'task': 'wrong', 'prompt': 'Describe this image.', 'answer': 'an elephant in a bath'},
        {'image': 'a.png', 'task': 'read', 'prompt': 'Describe this image.', 'answer': ANSWER.strip()},
        {'image': 'a.png', 'task': 'word', 'metric': 'contains', 'prompt': 'Describe this image.', 'answer': ANSWER.split()[0]},
        {'image': 'a.png', 'task': 'near', 'metric': 'anls', 'prompt': 'Describe this image.', 'answers': ['x', ANSWER.strip() + '!']},
        {'image': 'a.png', 'task': 'json', 'metric': 'json', 'prompt': 'Describe this image.', 'answer': '{"a":1}'},
    ]
    with open(os.path.join(folder, 'items.jsonl'), 'w') as f:
        f.write('\n'.join(map(json.dumps, items)) + '\n')
    j = json.loads(expect(0, ['eval', '--json', folder, '--out', path('answers.jsonl')])[0])
    scores = {t['task']: t for t in j['tasks']}
    check(scores['right']['score'] == 1 and scores['wrong']['score'] == 0, 'exact')
    check(scores['read']['score'] == 0 and scores['read']['metric'] == 'cer', 'cer')
    check(scores['word']['score'] == 1 and 0.9 < scores['near']['score'] < 1, 'contains and anls')
    check(scores['json']['score'] == 0 and scores['json']['metric'] == 'json', 'an answer that is not JSON')
    check(0 < scores['right']['low'] < 1 and scores['right']['high'] >= 0.99, 'interval')
    every = {m['metric']: m for m in j['metrics']}
    check(every['exact']['items'] == 2 and every['exact']['score'] == 0.5, 'a metric over its tasks')
    check(sorted(every) == ['anls', 'cer', 'contains', 'exact', 'json'], 'every metric once')
    with open(path('answers.jsonl')) as f:
        answered = [json.loads(l) for l in f]
    check(len(answered) == 6 and answered[0]['text'] == ANSWER.strip(), '--out')
    check(answered[1]['answer'] == 'an elephant in a bath' and answered[4]['answer'] == 'x', 'the answer wanted, the first of several')
    expect(0, ['eval', folder, '--limit', '1'], out='right')
    expect(2, ['eval', tmp], err='items.jsonl')
    with open(os.path.join(folder, 'items.jsonl'), 'w') as f:
        f.write('{"image": "a.png"\n')
    expect(2, ['eval', folder], err='line 1')


def test_demo_model():
    """The trained weights still answer as well as when they were shipped: 84, 98 and 98 % of 50 each, 4 % of characters wrong."""
    j = json.loads(expect(0, ['eval', '--json', 'tests/data/demo_eval'], timeout=1800)[0])
    scores = {t['task']: t for t in j['tasks']}
    for task in ['count', 'colour', 'shape']:
        check(scores[task]['items'] == 50 and scores[task]['score'] >= 0.7, f'{task}: {scores[task]["score"]}')
    check(scores['read']['items'] == 30 and scores['read']['score'] <= 0.1, f'character error rate {scores["read"]["score"]}')


def test_gallery():
    """What is told of the model that ships is what it says: the gallery's answers (on processors like the one that they were made on), and
    figures of these very files."""
    tools = os.path.join(ROOT, 'tools', 'demo')
    folder = os.path.join(ROOT, 'models', 'demo', 'gallery')
    if run('describe', '--cpu-isa', 'avx2', PICTURE)[0] == 0:
        p = subprocess.run([sys.executable, os.path.join(tools, 'gallery'), '--galago', GALAGO, '--out', path('gallery')], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        check(p.returncode == 0, f'tools/demo/gallery: {p.stdout!r}')
        for name in ('gallery.json', 'README.md'):
            with open(os.path.join(folder, name)) as stored, open(os.path.join(path('gallery'), name)) as now:
                check(stored.read() == now.read(), f'models/demo/gallery/{name}: not what the model says now; run tools/demo/gallery')
    if os.path.exists(os.path.join(ROOT, 'models', 'demo', 'figures.json')):
        p = subprocess.run([sys.executable, os.path.join(tools, 'tables.py'), '--check'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        check(p.returncode == 0, p.stdout.decode())


def test_bench():
    j = json.loads(expect(0, ['bench', '--json', '--reps', '1', '--model', 'demo'], timeout=1800)[0])
    check(j['decode']['256'] > 0 and j['prefill']['1024'] > 0 and j['image']['vision_ms'] > 0, 'bench --json')
    check(re.fullmatch('[0-9a-f]{16}', j['logits_hash']), 'hash of the logits')


def test_chat():
    two = b'Describe this image.\nDescribe this image.\n'
    out, _ = expect(0, ['chat', PICTURE], stdin=two)
    check(out.startswith(ANSWER), 'the first turn is describe')
    out, err = expect(0, ['chat', '--max-tokens', '8'], stdin=b'/help\nHello\n/reset\n/nonsense\n', err='/again')
    check(out.strip() != '', 'a conversation without a picture')
    check('no /nonsense' in err, 'an unknown command is told')
    expect(0, ['chat'], stdin=b'/image\n', err='/image needs')
    turns = [json.loads(line) for line in expect(0, ['chat', '--json', '--logprobs', '2', PICTURE], stdin=two)[0].splitlines()]
    check(len(turns) == 2 and turns[0]['text'] == ANSWER.strip() and turns[1]['prompt_tokens'] > turns[0]['prompt_tokens'], '--json: one object a turn')
    check(all(len(t['logprobs']) == t['completion_tokens'] for t in turns), 'with logprobs')
    status, _, err = run('chat', stdin=b'/image /nonexistent.png\nHello\n')
    check(status == 2 and '/nonexistent.png' in err, 'a script notices a picture that is not there')
    expect(1, ['chat', '-'], err='standard input')

    # On a terminal: a prompt, a progress bar, and the answer.
    pid, fd = pty.fork()
    if pid == 0:
        os.environ['TERM'] = 'xterm'
        os.chdir(ROOT)
        os.execv(GALAGO, [GALAGO, 'chat', PICTURE])
    seen = b''
    def until(text, seconds):
        nonlocal seen
        end = time.time() + seconds
        while time.time() < end and text not in seen:
            if select.select([fd], [], [], 0.2)[0]:
                try:
                    seen += os.read(fd, 65536)
                except OSError:
                    break
        return text in seen
    check(until(b'> ', 300), 'a prompt on the terminal')
    os.write(fd, b'Describe this image.\n')
    check(until(ANSWER.split()[-1].encode(), 600), 'an answer on the terminal')
    check('█'.encode() in seen or '░'.encode() in seen, 'a progress bar on the terminal')
    os.write(fd, b'/quit\n')
    _, status = os.waitpid(pid, 0)
    check(os.waitstatus_to_exitcode(status) == 0, 'leaves with 0')


def test_interrupt():
    p = subprocess.Popen([GALAGO, 'run', '--prompt', 'Go on.', '--ignore-eos', '--max-tokens', '3900', '--temperature', '1'], cwd=ROOT,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdout.read(1)
    p.send_signal(signal.SIGINT)
    try:
        p.communicate(timeout=200)
    except subprocess.TimeoutExpired:
        p.kill()
    check(p.returncode == 130, f'Ctrl-C ends with 130, not {p.returncode}')
    # A conversion that is stopped leaves no half file, however it is told to.
    folder = path('stopped')
    os.mkdir(folder)
    for number in (signal.SIGINT, signal.SIGTERM):
        p = subprocess.Popen([GALAGO, 'convert', 'synthetic:qwen3.5-0.8b', os.path.join(folder, 'x.gguf'), '--quiet'], cwd=ROOT, stderr=subprocess.PIPE)
        end = time.time() + 200
        while time.time() < end and p.poll() is None and not os.listdir(folder):
            time.sleep(0.01)
        begun = os.listdir(folder)
        p.send_signal(number)
        try:
            p.communicate(timeout=200)
        except subprocess.TimeoutExpired:
            p.kill()
        check(p.returncode == 130 and begun and not os.listdir(folder), f'{number.name} ends convert with {p.returncode}, {begun} became {os.listdir(folder)}')
    p = subprocess.run(f'{GALAGO} run --prompt "Go on." --ignore-eos --max-tokens 2000 | head -c 1', shell=True, cwd=ROOT, timeout=600,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check(len(p.stdout) == 1, 'a closed pipe ends the answer')
    if os.path.exists('/dev/full'):
        for words in ([PICTURE], [PICTURE, PICTURE], ['--json', PICTURE]):
            with open('/dev/full', 'w') as full:
                p = subprocess.run([GALAGO, 'describe', *words], stdout=full, stderr=subprocess.PIPE, cwd=ROOT, timeout=600)
            check(p.returncode == 2 and p.stderr.count(b'written') == 1, f'a full disk behind the answer: {p.returncode} {p.stderr!r}')


for name, test in list(globals().items()):
    if name.startswith('test_'):
        try:
            test()
        except Exception as error:  # a test that breaks is a failure, the others still run
            check(False, f'{name}: {type(error).__name__}: {error}')
shutil.rmtree(tmp, ignore_errors=True)
print(f'cli: {passed} passed, {failed} failed')
sys.exit(1 if failed or not passed else 0)
