// Radio buttons in a row, as the batch and the camera have them.
import { el } from '../dom.js';

/** Choices in a row, of which one holds: radio buttons that look like one control. `name`: of the group in the page. */
export function choices<T extends string>(name: string, label: string, values: readonly T[], text: (value: T) => string, onchange: (value: T) => void): { element: HTMLElement; set(value: T): void } {
  const inputs = values.map((value) => el('input', { type: 'radio', name, value, onchange: () => onchange(value) }));
  const element = el('fieldset', { class: 'choices' }, el('legend', { 'data-t': label }),
    el('div', { class: 'choices-row' }, inputs.map((input, i) => el('label', { class: 'choice' }, input, el('span', { 'data-t': text(values[i]!) })))));
  return { element, set: (value) => inputs.forEach((input) => (input.checked = input.value === value)) };
}
