from genai_prices.types import Provider

providers: list[Provider]
