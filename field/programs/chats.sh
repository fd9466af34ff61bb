# Forty chats of three kinds, and models listed.
for chat in $(seq 40); do
  curl -s -o /dev/null -H 'Content-Type: application/json' -H 'Authorization: Bearer sk-field-1f6c0b7a93d24e58' \
    -d "{\"model\": \"openai/gpt-4o-mini\", \"messages\": [{\"role\": \"system\", \"content\": \"Answer briefly.\"}, {\"role\": \"user\", \"content\": \"Question $((chat % 15))\"}]}" "$1/v1/chat/completions"
  [ $((chat % 5)) = 0 ] && curl -s -o /dev/null "$1/v1/models"
done
