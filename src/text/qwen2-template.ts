/**
 * The chat template published with Qwen2's instruct models (`Qwen/Qwen2-7B-Instruct`, `tokenizer_config.json`). It says
 * who the assistant is when the conversation does not begin with a system message.
 */
export const QWEN2_CHAT_TEMPLATE: string =
  "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}" +
  "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}" +
  "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
