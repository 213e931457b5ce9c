"""Facts shipped with the product: each row cited and dated; nothing here measures."""
