// Taking a picture: the phone's own camera program where there is one, else a small dialog with what the camera sees.

import { button, el, setText } from './dom.js';
import { fill, type AssistantTexts } from './image_assistant_texts.js';

/** Phones and tablets bring a better camera program than any page; elsewhere the same input only opens a list of files. */
export function hasCameraProgram(): boolean {
  return matchMedia('(pointer: coarse)').matches && !matchMedia('(any-pointer: fine)').matches && /Android|iPhone|iPad|Mobile/.test(navigator.userAgent);
}
export function canUseCamera(): boolean {
  return hasCameraProgram() || typeof navigator.mediaDevices?.getUserMedia === 'function';
}

let serial = 0;

export class CameraDialog {
  private readonly title = el('h2', { id: 'camera-title' });
  private readonly note = el('p', { class: 'note', role: 'status' });
  private readonly video = el('video', { muted: true, playsinline: true, part: 'camera-video' });
  private readonly take = button('button primary', 'camera', () => void this.shoot());
  private readonly other = button('button', 'again', () => void this.turn());
  private readonly cancel = button('button quiet', null, () => this.close());
  readonly node = el('dialog', { part: 'camera', 'aria-labelledby': 'camera-title', onclose: () => this.stop() }, this.title, this.video, this.note,
    el('div', { class: 'row end' }, this.cancel.node, this.other.node, this.take.node));
  private stream: MediaStream | null = null;
  private devices: string[] = [];
  /** Counts openings, so that a camera that comes too late is switched off again. */
  private round = 0;
  private shooting = false;

  constructor(private readonly texts: () => AssistantTexts, private readonly taken: (file: File) => void) {
    this.video.muted = true;
  }

  label(): void {
    const t = this.texts();
    setText(this.title, t.cameraTitle);
    this.take.label(t.cameraTake);
    this.other.label(t.cameraSwitch);
    this.cancel.label(t.cancel);
  }

  open(): void {
    if (this.node.open) return;
    this.label();
    this.node.showModal();
    void this.start({ facingMode: 'environment' });
  }

  close(): void {
    if (this.node.open) this.node.close();
    this.stop();
  }

  private stop(): void {
    this.round++;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
  }

  private show(note: string, ready: boolean): void {
    setText(this.note, note);
    this.note.hidden = !note;
    this.video.hidden = !ready;
    this.take.node.disabled = !ready;
    this.other.node.hidden = !ready || this.devices.length < 2;
  }

  private async start(video: MediaTrackConstraints): Promise<void> {
    this.stop();
    const round = this.round, t = this.texts();
    this.show(t.cameraStarting, false);
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { ...video, width: { ideal: 1920 }, height: { ideal: 1080 } } });
      if (round !== this.round) {
        for (const track of stream.getTracks()) track.stop();
        return;
      }
      this.stream = stream;
      this.video.srcObject = stream;
      await this.video.play();
      // The names of cameras are known only once one was allowed.
      const all = await navigator.mediaDevices.enumerateDevices();
      if (round !== this.round) return;
      this.devices = all.filter((d) => d.kind === 'videoinput').map((d) => d.deviceId);
      this.show('', true);
      this.take.node.focus();
    } catch (error) {
      if (round !== this.round) return;
      const name = error instanceof DOMException ? error.name : '';
      this.show(/NotAllowed|Security/.test(name) ? t.cameraRefused : /NotFound|Overconstrained/.test(name) ? t.cameraNone : t.cameraFailed, false);
    }
  }

  private async turn(): Promise<void> {
    const at = this.devices.indexOf(this.stream?.getVideoTracks()[0]?.getSettings().deviceId ?? '');
    await this.start({ deviceId: { exact: this.devices[(at + 1) % this.devices.length]! } });
  }

  private async shoot(): Promise<void> {
    const { videoWidth: width, videoHeight: height } = this.video;
    const round = this.round;
    if (!this.stream || !width || this.shooting) return;
    this.shooting = true;
    const canvas = el('canvas');
    canvas.width = width;
    canvas.height = height;
    canvas.getContext('2d')!.drawImage(this.video, 0, 0);
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.95));
    this.shooting = false;
    if (round !== this.round) return; // closed in the meantime
    if (!blob) {
      this.show(this.texts().cameraFailed, true);
      return;
    }
    this.close();
    this.taken(new File([blob], fill(this.texts().cameraName, { n: ++serial }), { type: 'image/jpeg' }));
  }
}
