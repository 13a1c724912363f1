"""The endpoints that OpenAI's clients know, for the language model in use and for answers from the packs.

https://platform.openai.com/docs/api-reference
"""
