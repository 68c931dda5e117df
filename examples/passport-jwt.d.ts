// passport-jwt has no types of its own.
declare module 'passport-jwt'
