"""Does what others make of our streams, or we of their encoder, agree to the last bit?"""
