// The camera itself: which there are, opening one, and in plain words why not.

/** Keys of texts: camera.error_… */
export type CameraProblem = 'insecure' | 'unsupported' | 'refused' | 'none' | 'busy' | 'gone' | 'other';

export class CameraError extends Error {
  constructor(readonly problem: CameraProblem, options?: ErrorOptions) {
    super(problem, options);
  }
}

export interface CameraChoice {
  /** 'back', 'front', '' for the browser's own choice, or a device's id behind 'id:'. */
  value: string;
  label: string;
}

const NAMES: Record<string, CameraProblem> = {
  NotAllowedError: 'refused', SecurityError: 'refused', NotFoundError: 'none', NotReadableError: 'busy', AbortError: 'busy', OverconstrainedError: 'gone',
};

const wish = (value: string): MediaTrackConstraints => {
  // Larger frames would only be made smaller again; a snapshot is good enough at this size.
  const size = { width: { ideal: 1280 }, height: { ideal: 960 } };
  if (value.startsWith('id:')) return { ...size, deviceId: { exact: value.slice(3) } };
  return { ...size, ...(value ? { facingMode: { ideal: value === 'front' ? 'user' : 'environment' } } : {}) };
};

/** Rejects with a CameraError. */
export async function openCamera(value: string): Promise<MediaStream> {
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (!devices?.getUserMedia) throw new CameraError(isSecureContext ? 'unsupported' : 'insecure');
  try {
    return await devices.getUserMedia({ video: wish(value), audio: false });
  } catch (cause) {
    const { name } = cause as Error, problem = NAMES[name] ?? 'other';
    // WebKitGTK says this of a device without any camera; a camera that was not chosen cannot have gone.
    throw new CameraError(problem === 'gone' && !value.startsWith('id:') ? 'none' : problem, { cause });
  }
}

export function closeCamera(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** The cameras by name, which browsers tell once one was allowed. */
export async function cameras(): Promise<CameraChoice[]> {
  const all = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
  return all.filter((d) => d.kind === 'videoinput' && d.deviceId && d.label).map((d) => ({ value: `id:${d.deviceId}`, label: d.label }));
}

/** A telephone has one on each side. */
export const hasTwoSides = (): boolean => navigator.maxTouchPoints > 0 && matchMedia('(pointer: coarse)').matches;
